import { badFile, elementBytes, elementCount, type ElementType, type NamedArrays, toFloat32 } from './arrays';
import { UserError } from '../errors';
import { float16Bits } from './float16';

/** What a safetensors file holds. */
export interface SafetensorsFile {
  tensors: NamedArrays;
  /** Free text by key. */
  metadata: Record<string, string>;
}

/** The largest header that the reference implementation reads. */
const MAX_HEADER = 100_000_000;

interface HeaderEntry {
  dtype: ElementType;
  shape: number[];
  data_offsets: [number, number];
}

/** Options of `encodeSafetensors`. */
export interface EncodeOptions {
  /** 'f16' stores arrays of two or more axes (kernels) in half precision; vectors stay f32. Default 'f32'. */
  dtype?: 'f32' | 'f16';
  metadata?: Record<string, string>;
}

/**
 * Writes the safetensors format: u64 length of the header, the header in JSON padded with spaces to 8 bytes, then the arrays,
 * little-endian, without gaps. Wider types come first, so that each array is aligned to its element.
 * @throws UserError when a value is too large for f16.
 */
export function encodeSafetensors(tensors: NamedArrays, options: EncodeOptions = {}): Uint8Array {
  const narrow = (shape: readonly number[]) => options.dtype === 'f16' && shape.length > 1;
  const ordered = [...tensors].sort(([, a], [, b]) => Number(narrow(a.shape)) - Number(narrow(b.shape)));
  const header: Record<string, HeaderEntry | Record<string, string>> = {};
  if (options.metadata) header['__metadata__'] = options.metadata;
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of ordered) {
    const part = narrow(shape) ? halfBytes(name, data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const end = offset + part.byteLength;
    header[name] = { dtype: narrow(shape) ? 'F16' : 'F32', shape: [...shape], data_offsets: [offset, end] };
    parts.push(part);
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + headerLength + offset);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerLength), true);
  out.fill(0x20, 8 + json.length, 8 + headerLength);
  out.set(json, 8);
  let at = 8 + headerLength;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/** float32 values → half precision, little-endian. @throws UserError naming `name` when a value is too large. */
export function halfBytes(name: string, data: Float32Array): Uint8Array {
  const half = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) {
    half[i] = float16Bits(data[i]);
    if ((half[i] & 0x7fff) === 0x7c00 && Number.isFinite(data[i])) {
      throw new UserError(`'${name}' holds ${data[i]}, too large for f16; save as f32.`);
    }
  }
  return new Uint8Array(half.buffer);
}

/**
 * Reads the safetensors format; every number of the header is checked before it is used.
 * @param path the file's name, for errors only.
 * @throws UserError when the bytes are not a whole safetensors file, or hold an element type that is no number.
 */
export function decodeSafetensors(bytes: Uint8Array, path: string): SafetensorsFile {
  const { header, start } = readHeader(bytes, path);
  const metadata: Record<string, string> = {};
  const tensors: NamedArrays = new Map();
  const ranges: [number, number][] = [];
  const dataLength = bytes.byteLength - start;
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      Object.assign(metadata, value);
      continue;
    }
    const { dtype, shape, data_offsets } = checkedEntry(name, value, dataLength, path);
    ranges.push(data_offsets);
    const data = toFloat32(dtype, bytes.subarray(start + data_offsets[0], start + data_offsets[1]));
    tensors.set(name, { shape, data });
  }
  let covered = 0;
  for (const [begin, end] of ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    if (begin !== covered) throw badFile(path, 'its arrays overlap or leave a gap');
    covered = end;
  }
  if (covered !== dataLength) throw badFile(path, `it holds ${dataLength} bytes of data, its header tells of ${covered}`);
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array, path: string): { header: object; start: number } {
  if (bytes.byteLength < 8) throw badFile(path, `${bytes.byteLength} bytes are no safetensors file`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const start = 8 + length;
  if (length > MAX_HEADER || start > bytes.byteLength) {
    throw badFile(path, 'it is no safetensors file, or it is cut off (the header is longer than the file)');
  }
  if (bytes[8] !== 0x7b) throw badFile(path, 'its safetensors header does not begin with {');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start)));
  } catch {
    throw badFile(path, 'its safetensors header is no JSON');
  }
  return { header: header as object, start };
}

function checkedEntry(name: string, value: unknown, dataLength: number, path: string): HeaderEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Partial<HeaderEntry>;
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every(n => Number.isSafeInteger(n) && n >= 0);
  if (typeof dtype !== 'string' || !whole(shape) || !whole(offsets) || offsets.length !== 2) {
    throw badFile(path, `its header entry '${name}' is malformed`);
  }
  const bytesPerElement = elementBytes(dtype);
  if (bytesPerElement === undefined) throw badFile(path, `'${name}' has the unsupported type ${dtype}`);
  const [begin, end] = offsets;
  if (end > dataLength || begin > end || end - begin !== elementCount(shape) * bytesPerElement) {
    throw badFile(path, `'${name}' (${dtype} [${shape}]) does not fit its place in the file, which may be cut off`);
  }
  return { dtype, shape, data_offsets: [begin, end] };
}
