/** Operations with regions or several results: what their constructors share. */
import { type DType, type TensorType } from './types';
import { type Region, Value } from './value';

/** Combines two scalars: an accumulated one, and the next. */
export type Combine = (a: Value, b: Value) => Value;

/** A region of two scalars. */
export function combiner(combine: Combine, dtype: DType): Region {
  const a = new Value('region_parameter', [], dtype, []);
  const b = new Value('region_parameter', [], dtype, []);
  return { parameters: [a, b], results: [combine(a, b)] };
}

export function several(
  op: string,
  operands: readonly Value[],
  types: readonly TensorType[],
  attrs: Record<string, string> = {},
  regions: readonly Region[] = [],
): Value[] {
  return resultsOf(new Value(op, operands, types[0].dtype, types[0].shape, attrs, regions, types), types);
}

/** The results of an operation that has so many: itself, or values that take them out. */
export function resultsOf(whole: Value, types: readonly TensorType[]): Value[] {
  if (types.length === 1) return [whole];
  return types.map((t, i) => new Value('result', [whole], t.dtype, t.shape, { index: String(i) }));
}
