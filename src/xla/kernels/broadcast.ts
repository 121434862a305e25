/** NumPy broadcasting and the promotion of mixed precision, for kernels of several operands. */
import { type Value, broadcastTo, convert, fill } from '../hlo';

/** Shape that both broadcast to. */
export function commonShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new Error(`Shapes [${a}] and [${b}] do not broadcast together.`);
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

/** Both operands with one dtype: bf16 meets f32 as f32, except that an f32 scalar follows a bf16 tensor. */
function sameDtype(a: Value, b: Value): [Value, Value] {
  if (a.dtype === b.dtype) return [a, b];
  if (a.dtype === 'bf16' && b.dtype === 'f32')
    return b.size === 1 ? [a, convert(b, 'bf16')] : [convert(a, 'f32'), b];
  if (b.dtype === 'bf16' && a.dtype === 'f32')
    return a.size === 1 ? [convert(a, 'bf16'), b] : [a, convert(b, 'f32')];
  return [a, convert(b, a.dtype)];
}

/** Both operands with one dtype and shape. */
export function broadcast(a: Value, b: Value): [Value, Value] {
  const [x, y] = sameDtype(a, b);
  const shape = commonShape(x.shape, y.shape);
  return [broadcastTo(x, shape), broadcastTo(y, shape)];
}

/** A constant of the shape and dtype of `x`. */
export function like(x: Value, value: number): Value {
  return fill(value, x);
}
