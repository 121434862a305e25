/** Element types of StableHLO that the engine uses (spec: "Types"). `pred` is MLIR's i1. */
export type DType =
  'pred' | 's8' | 's32' | 's64' | 'u8' | 'u32' | 'u64' | 'bf16' | 'f16' | 'f32' | 'f64' | 'c64';

/** A tensor type: element type and static shape; `[]` is a scalar. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

const MLIR_NAMES: Record<DType, string> = {
  pred: 'i1',
  s8: 'i8',
  s32: 'i32',
  s64: 'i64',
  u8: 'ui8',
  u32: 'ui32',
  u64: 'ui64',
  bf16: 'bf16',
  f16: 'f16',
  f32: 'f32',
  f64: 'f64',
  c64: 'complex<f32>',
};

/** `{dtype: 'f32', shape: [2, 3]}` → `tensor<2x3xf32>`. */
export function typeText(type: TensorType): string {
  return `tensor<${type.shape.map(d => `${d}x`).join('')}${MLIR_NAMES[type.dtype]}>`;
}

export function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'bf16' || dtype === 'f16' || dtype === 'f64';
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const d of shape) size *= d;
  return size;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}
