/** Operations that move elements. */
import { i64s, i64, check } from './attributes';
import { type TensorType, sameShape, sizeOf, typeText } from './types';
import { Value } from './value';

/** `dims[i]` is the result axis of operand axis i. */
export function broadcastInDim(x: Value, shape: readonly number[], dims: readonly number[]): Value {
  check(
    dims.length === x.rank && dims.every((d, i) => x.shape[i] === 1 || x.shape[i] === shape[d]),
    'broadcast_in_dim',
    () => `${typeText(x)} by [${dims}] to [${shape}]`,
  );
  if (x.op === 'constant' && x.rank === 0) return new Value('constant', [], x.dtype, shape, x.attrs);
  return new Value('broadcast_in_dim', [x], x.dtype, shape, { broadcast_dimensions: i64s(dims) });
}

/** NumPy's broadcasting: axes are aligned at the end. */
export function broadcastTo(x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  const offset = shape.length - x.rank;
  return broadcastInDim(
    x,
    shape,
    x.shape.map((_, i) => i + offset),
  );
}

export function reshape(x: Value, shape: readonly number[]): Value {
  check(sizeOf(shape) === x.size, 'reshape', () => `${typeText(x)} to [${shape}]`);
  return sameShape(x.shape, shape) ? x : new Value('reshape', [x], x.dtype, shape);
}

export function transpose(x: Value, perm: readonly number[]): Value {
  if (perm.every((p, i) => p === i)) return x;
  return new Value(
    'transpose',
    [x],
    x.dtype,
    perm.map(p => x.shape[p]),
    { permutation: i64s(perm) },
  );
}

export function slice(
  x: Value,
  start: readonly number[],
  limit: readonly number[],
  strides: readonly number[] = start.map(() => 1),
): Value {
  const shape = start.map((s, i) => Math.max(0, Math.ceil((limit[i] - s) / strides[i])));
  check(
    start.length === x.rank && start.every((s, i) => s >= 0 && s <= limit[i] && limit[i] <= x.shape[i]),
    'slice',
    () => `[${start}] to [${limit}] of ${typeText(x)}`,
  );
  if (sameShape(shape, x.shape)) return x;
  return new Value('slice', [x], x.dtype, shape, {
    start_indices: i64s(start),
    limit_indices: i64s(limit),
    strides: i64s(strides),
  });
}

/** `x` in `count` equal parts along an axis. */
export function split(x: Value, count: number, axis: number): Value[] {
  const size = x.shape[axis] / count;
  const edge = (i: number, others: readonly number[]) => others.map((n, a) => (a === axis ? i * size : n));
  const start = x.shape.map(() => 0);
  return Array.from({ length: count }, (_, i) => slice(x, edge(i, start), edge(i + 1, x.shape)));
}

export function dynamicSlice(x: Value, starts: readonly Value[], sizes: readonly number[]): Value {
  return new Value('dynamic_slice', [x, ...starts], x.dtype, sizes, { slice_sizes: i64s(sizes) });
}

export function dynamicUpdateSlice(x: Value, update: Value, starts: readonly Value[]): Value {
  return new Value('dynamic_update_slice', [x, update, ...starts], x.dtype, x.shape);
}

export function concatenate(xs: readonly Value[], axis: number): Value {
  if (xs.length === 1) return xs[0];
  const shape = xs[0].shape.slice();
  shape[axis] = xs.reduce((sum, x) => sum + x.shape[axis], 0);
  return new Value('concatenate', xs, xs[0].dtype, shape, { dimension: i64(axis) });
}

/** Negative padding crops; `interior` puts that many pad values between neighbours. */
export function pad(
  x: Value,
  value: Value,
  low: readonly number[],
  high: readonly number[],
  interior: readonly number[] = low.map(() => 0),
): Value {
  if ([low, high, interior].every(p => p.every(n => n === 0))) return x;
  const shape = x.shape.map((d, i) => d + low[i] + high[i] + Math.max(0, d - 1) * interior[i]);
  return new Value('pad', [x, value], x.dtype, shape, {
    edge_padding_low: i64s(low),
    edge_padding_high: i64s(high),
    interior_padding: i64s(interior),
  });
}

export function reverse(x: Value, axes: readonly number[]): Value {
  return axes.length === 0 ? x : new Value('reverse', [x], x.dtype, x.shape, { dimensions: i64s(axes) });
}

export function iota(type: TensorType, axis: number): Value {
  return new Value('iota', [], type.dtype, type.shape, { iota_dimension: i64(axis) });
}
