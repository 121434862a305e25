/** NumPy broadcasting and the promotion of mixed precision, for kernels of several operands. */
import { XlaError } from '../errors';
import { type Combine, type Value, broadcastTo, compare, convert, fill, isFloat, select } from '../hlo';

/** Shape that both broadcast to. */
export function commonShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new XlaError(`Shapes [${a}] and [${b}] do not broadcast together.`);
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

/** Both operands with one dtype: bf16 meets f32 as f32, except that an f32 scalar follows a bf16 tensor. */
function sameDtype(a: Value, b: Value): [Value, Value] {
  if (a.dtype === b.dtype) return [a, b];
  if (a.dtype === 'bf16' && b.dtype === 'f32')
    return b.size === 1 && a.size > 1 ? [a, convert(b, 'bf16')] : [convert(a, 'f32'), b];
  if (b.dtype === 'bf16' && a.dtype === 'f32')
    return a.size === 1 && b.size > 1 ? [convert(a, 'bf16'), b] : [a, convert(b, 'f32')];
  return [a, convert(b, a.dtype)];
}

/** Both operands with one dtype and shape. */
export function broadcast(a: Value, b: Value): [Value, Value] {
  const [x, y] = sameDtype(a, b);
  const shape = commonShape(x.shape, y.shape);
  return [broadcastTo(x, shape), broadcastTo(y, shape)];
}

/** Integers and booleans as float32; what has a fraction as it is. */
export const toFloat = (x: Value): Value => (isFloat(x.dtype) || x.dtype === 'c64' ? x : convert(x, 'f32'));

/** Values of one type: float32 where one is a float, else int32. */
export function alike<T extends readonly Value[]>(xs: T): T {
  if (xs.every(x => x.dtype === xs[0].dtype)) return xs;
  const target = xs.some(x => isFloat(x.dtype)) ? 'f32' : 's32';
  return xs.map(x => convert(x, target)) as unknown as T;
}

/** A maximum or minimum that is NaN where one operand is; XLA's fast one on CPU may drop it. */
export function orNaN(combine: Combine): Combine {
  return (a, b) => {
    if (!isFloat(a.dtype)) return combine(a, b);
    const numbers = select(compare(b, b, 'NE'), b, combine(a, b));
    return select(compare(a, a, 'NE'), a, numbers);
  };
}

/** A constant of the shape and dtype of `x`. */
export function like(x: Value, value: number): Value {
  return fill(value, x);
}
