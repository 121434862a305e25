import { badFile, elementBytes, elementCount, type ElementType, type NamedArray, type NamedArrays, toFloat32 } from './arrays';
import { unzip } from './zip';

/** NumPy type strings → element types. One byte has no order; wider ones must be little-endian. */
const NUMPY_TYPES: Readonly<Record<string, ElementType>> = {
  '<f2': 'F16',
  '<f4': 'F32',
  '<f8': 'F64',
  '|i1': 'I8',
  '|u1': 'U8',
  '<i2': 'I16',
  '<u2': 'U16',
  '<i4': 'I32',
  '<u4': 'U32',
  '<i8': 'I64',
  '<u8': 'U64',
};

/**
 * Reads NumPy's .npz (`np.savez` or `np.savez_compressed` with one array a name).
 * @param path the file's name, for errors only.
 * @throws UserError when the bytes are no .npz or a damaged one, or an array is not of numbers.
 */
export function decodeNpz(bytes: Uint8Array, path: string): NamedArrays {
  let files: Record<string, Uint8Array>;
  try {
    files = unzip(bytes);
  } catch (error) {
    throw badFile(path, `it is no .npz archive, or it is damaged (${(error as Error).message})`);
  }
  const arrays: NamedArrays = new Map();
  for (const [file, content] of Object.entries(files)) {
    if (!file.endsWith('.npy')) continue;
    const name = file.slice(0, -'.npy'.length);
    arrays.set(name, decodeNpy(content, `${path}, array '${name}'`));
  }
  return arrays;
}

/**
 * Reads NumPy's .npy, format versions 1 to 3 (numpy.lib.format).
 * @throws UserError when the bytes are no .npy of numbers.
 */
export function decodeNpy(bytes: Uint8Array, path: string): NamedArray {
  const magic = '\x93NUMPY';
  const wide = bytes[6] >= 2;
  const begin = wide ? 12 : 10;
  if (bytes.length < begin || [...magic].some((c, i) => bytes[i] !== c.charCodeAt(0))) throw badFile(path, 'it is no .npy');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = begin + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder('latin1').decode(bytes.subarray(begin, start));
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const dims = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (descr === undefined || order === undefined || dims === undefined) throw badFile(path, 'its .npy header is malformed');
  if (!Object.hasOwn(NUMPY_TYPES, descr)) throw badFile(path, `its type ${descr} is none of ${Object.keys(NUMPY_TYPES)}`);
  const type = NUMPY_TYPES[descr];
  const shape = dims.split(',').flatMap(text => (text.trim() ? [Number(text)] : []));
  const content = bytes.subarray(start);
  if (content.length !== elementCount(shape) * elementBytes(type)!) {
    throw badFile(path, `it holds ${content.length} bytes where [${shape}] of ${descr} is expected`);
  }
  const data = toFloat32(type, content);
  return { shape, data: order === 'True' ? rowMajor(data, shape) : data };
}

/** Column-major (Fortran) values → row-major. */
function rowMajor(data: Float32Array, shape: readonly number[]): Float32Array {
  const out = new Float32Array(data.length);
  const index = shape.map(() => 0);
  for (let i = 0; i < out.length; i++) {
    let at = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) at = at * shape[axis] + index[axis];
    out[i] = data[at];
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return out;
}
