import { UserError } from '../errors';
import { fromBfloat16Bits, fromFloat16Bits } from './float16';

/** A tensor on the host, row-major. */
export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Name → array, in the file's order. */
export type NamedArrays = Map<string, NamedArray>;

/** Element types that weight files hold; the names are safetensors'. */
export type ElementType = 'F16' | 'BF16' | 'F32' | 'F64' | 'I8' | 'U8' | 'I16' | 'U16' | 'I32' | 'U32' | 'I64' | 'U64';

type Reader = (view: DataView, offset: number) => number;

/** Bytes and a little-endian reader for each element type. */
const ELEMENTS: Readonly<Record<ElementType, readonly [bytes: number, read: Reader]>> = {
  F16: [2, (view, at) => fromFloat16Bits(view.getUint16(at, true))],
  BF16: [2, (view, at) => fromBfloat16Bits(view.getUint16(at, true))],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F64: [8, (view, at) => view.getFloat64(at, true)],
  I8: [1, (view, at) => view.getInt8(at)],
  U8: [1, (view, at) => view.getUint8(at)],
  I16: [2, (view, at) => view.getInt16(at, true)],
  U16: [2, (view, at) => view.getUint16(at, true)],
  I32: [4, (view, at) => view.getInt32(at, true)],
  U32: [4, (view, at) => view.getUint32(at, true)],
  I64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  U64: [8, (view, at) => Number(view.getBigUint64(at, true))],
};

/** Bytes of one element, or undefined for a type that we can't read. */
export function elementBytes(type: string): number | undefined {
  return Object.hasOwn(ELEMENTS, type) ? ELEMENTS[type as ElementType][0] : undefined;
}

/** Little-endian bytes → float32 values (64-bit types lose precision; model weights are float32). */
export function toFloat32(type: ElementType, bytes: Uint8Array): Float32Array {
  const [size, read] = ELEMENTS[type];
  const out = new Float32Array(bytes.byteLength / size);
  if (type === 'F32') {
    new Uint8Array(out.buffer).set(bytes);
    return out;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < out.length; i++) out[i] = read(view, i * size);
  return out;
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** @throws UserError for a file at `path` that is not what it should be. */
export function badFile(path: string, problem: string): UserError {
  return new UserError(`${path}: ${problem}; get the file anew, or give another one.`);
}
