/** Reductions, scans and what is built on them. */
import { util } from '@tensorflow/tfjs-core';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { like, orNaN } from './broadcast';
import { define } from './define';
import { addend } from './precision';

interface AxisAttrs {
  axis?: number | number[];
  reductionIndices?: number | number[];
  keepDims?: boolean;
}

/** The axes to reduce, non-negative and ascending; none given means all. */
function axesOf(x: Value, attrs: AxisAttrs): number[] {
  const axis = attrs.axis ?? attrs.reductionIndices;
  return util.parseAxisParam(axis as number | number[], [...x.shape]).sort((a, b) => a - b);
}

/** Reduced axes come back as ones where `keepDims` asks for them. */
function keep(x: Value, y: Value, axes: readonly number[], keepDims?: boolean): Value {
  return keepDims
    ? hlo.reshape(
        y,
        x.shape.map((d, i) => (axes.includes(i) ? 1 : d)),
      )
    : y;
}

/** Smallest (or, with sign −1, largest) value of the type, infinities included. */
function extreme(x: Value, sign: 1 | -1): Value {
  if (hlo.isFloat(x.dtype)) return hlo.scalar(sign * -Infinity, x.dtype);
  return hlo.scalar(sign === 1 ? -2147483648 : 2147483647, x.dtype);
}

const numeric = (x: Value): Value => (x.dtype === 'pred' ? hlo.convert(x, 's32') : x);

function reducer(name: string, f: (x: Value, axes: readonly number[]) => Value): void {
  define<AxisAttrs>(name, ({ x }, attrs) => {
    const axes = axesOf(x, attrs);
    return keep(x, f(x, axes), axes, attrs.keepDims);
  });
}

reducer('Sum', (x, axes) => hlo.sum(addend(numeric(x)), axes));
reducer('Prod', (x, axes) => hlo.reduce(numeric(x), hlo.scalar(1, numeric(x).dtype), axes, hlo.mul));
reducer('Max', (x, axes) => hlo.reduce(numeric(x), extreme(numeric(x), 1), axes, orNaN(hlo.max)));
reducer('Min', (x, axes) => hlo.reduce(numeric(x), extreme(numeric(x), -1), axes, orNaN(hlo.min)));
reducer('All', (x, axes) => hlo.reduce(x, hlo.scalar(1, 'pred'), axes, hlo.and));
reducer('Any', (x, axes) => hlo.reduce(x, hlo.scalar(0, 'pred'), axes, hlo.or));
reducer('Mean', (x, axes) => {
  const y = hlo.isFloat(x.dtype) ? addend(x) : hlo.convert(x, 'f32');
  const count = axes.reduce((n, a) => n * x.shape[a], 1);
  const total = hlo.sum(y, axes);
  return hlo.div(total, like(total, count));
});

/** The index of the extreme element; the first on ties, as in NumPy. Where all are NaN: 0. */
function argExtreme(x: Value, axis: number, direction: 'GT' | 'LT'): Value {
  const y = numeric(x);
  const index = hlo.iota({ dtype: 's32', shape: y.shape }, axis);
  const worst = extreme(y, direction === 'GT' ? 1 : -1);
  const [, result] = hlo.reduceMany([y, index], [worst, hlo.scalar(0, 's32')], [axis], (best, next) => {
    const better = hlo.compare(next[0], best[0], direction);
    const earlier = hlo.and(hlo.compare(next[0], best[0], 'EQ'), hlo.compare(next[1], best[1], 'LT'));
    const take = hlo.or(better, earlier);
    return [hlo.select(take, next[0], best[0]), hlo.select(take, next[1], best[1])];
  });
  return result;
}

for (const [name, direction] of [
  ['ArgMax', 'GT'],
  ['ArgMin', 'LT'],
] as const) {
  define<AxisAttrs>(name, ({ x }, attrs) => argExtreme(x, axesOf(x, attrs)[0], direction));
}

// ---------------------------------------------------------------- scans

interface ScanAttrs {
  axis: number;
  exclusive: boolean;
  reverse: boolean;
}

/** Inclusive scan along an axis by doubling: log₂ n shifted combinations. */
function scan(x: Value, attrs: ScanAttrs, unit: number, combine: hlo.Combine): Value {
  const axis = (attrs.axis + x.rank) % x.rank;
  const n = x.shape[axis];
  const shift = (v: Value, by: number): Value => {
    const low = x.shape.map((_, i) => (i === axis ? (attrs.reverse ? -by : by) : 0));
    return hlo.pad(
      v,
      hlo.scalar(unit, v.dtype),
      low,
      low.map(p => -p || 0),
    );
  };
  let y = numeric(x);
  for (let step = 1; step < n; step *= 2) y = combine(y, shift(y, step));
  return attrs.exclusive ? shift(y, 1) : y;
}

define<ScanAttrs>('Cumsum', ({ x }, attrs) => scan(x, attrs, 0, hlo.add));
define<ScanAttrs>('Cumprod', ({ x }, attrs) => scan(x, attrs, 1, hlo.mul));

// ---------------------------------------------------------------- softmax

/** Exponentials relative to the maximum, and their sum, over the last or a given axis. */
function shifted(x: Value, axis: number): Value {
  const dims = x.shape.map((_, i) => i).filter(i => i !== axis);
  const top = hlo.reduce(x, extreme(x, 1), [axis], hlo.max);
  return hlo.sub(x, hlo.broadcastInDim(top, x.shape, dims));
}

define<{ dim: number }>('Softmax', ({ logits }, { dim }) => {
  const axis = (dim + logits.rank) % logits.rank;
  const dims = logits.shape.map((_, i) => i).filter(i => i !== axis);
  const e = hlo.exp(shifted(hlo.convert(logits, 'f32'), axis));
  return hlo.div(e, hlo.broadcastInDim(hlo.sum(e, [axis]), e.shape, dims));
});

define<AxisAttrs>('LogSoftmax', ({ logits }, attrs) => {
  const axis = axesOf(logits, { axis: attrs.axis })[0];
  const dims = logits.shape.map((_, i) => i).filter(i => i !== axis);
  const z = shifted(hlo.convert(logits, 'f32'), axis);
  return hlo.sub(z, hlo.broadcastInDim(hlo.log(hlo.sum(hlo.exp(z), [axis])), z.shape, dims));
});
