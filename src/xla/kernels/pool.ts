/**
 * Pooling and its gradients, over two or three spatial axes; data is [batch, …spatial, channels].
 *
 * Two axes and a small window: elementwise operations over what lies at each place of the windows (taps.ts), which XLA makes one loop of. Its
 * `reduce_window` and `select_and_scatter`, which the others get, are several times slower on CPUs, and on GPUs the latter becomes a scatter.
 */
import { backend_util } from '@tensorflow/tfjs-core';
import * as hlo from '../hlo';
import { type Value, type Window } from '../hlo';
import { like } from './broadcast';
import { define } from './define';
import { type Axis, axes2D, axes3D, forwardPadding, inputGradientPadding } from './geometry';
import { addend } from './precision';
import { largest, outsideOf, taps, untap } from './taps';

interface PoolAttrs {
  filterSize: number | number[];
  strides: number | number[];
  pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: string;
}

type Geometry = (shape: readonly number[], attrs: PoolAttrs) => readonly Axis[];

const pool2D: Geometry = (shape, a) =>
  axes2D(
    backend_util.computePool2DInfo(
      shape as [number, number, number, number],
      a.filterSize as [number, number],
      a.strides as [number, number],
      1,
      a.pad,
      a.dimRoundingMode,
    ),
  );

const pool3D: Geometry = (shape, a) =>
  axes3D(
    backend_util.computePool3DInfo(
      shape as [number, number, number, number, number],
      a.filterSize as [number, number, number],
      a.strides as [number, number, number],
      1,
      a.pad as 'valid' | 'same' | number,
      a.dimRoundingMode,
    ),
  );

function windowOf(axes: readonly Axis[]): Window {
  return {
    size: [1, ...axes.map(a => a.kernel), 1],
    strides: [1, ...axes.map(a => a.stride), 1],
    padding: [[0, 0], ...axes.map(forwardPadding), [0, 0]],
  };
}

/** A 1×1 window over as many outputs as inputs: TensorFlow.js's back ends hand the input through, whatever the padding. */
const isIdentity = (axes: readonly Axis[]): boolean =>
  axes.every(a => a.kernel === 1 && a.output === a.input);

/** Places of a window up to which it is taken apart. */
const MOST_PLACES = 16;

const isSmall = (axes: readonly Axis[]): boolean =>
  axes.length === 2 && axes.reduce((n, a) => n * a.kernel, 1) <= MOST_PLACES;

/** What is less than any number of an image, or equal. */
const lowestOf = (x: Value): number => (hlo.isFloat(x.dtype) ? -Infinity : -2147483648);

function maxPool(x: Value, axes: readonly Axis[]): Value {
  if (isIdentity(axes)) return x;
  const lowest = lowestOf(x);
  if (isSmall(axes)) return taps(x, axes, lowest).reduce((a, b) => hlo.max(a, b));
  return hlo.reduceWindow(x, hlo.scalar(lowest, x.dtype), windowOf(axes), hlo.max);
}

/** The gradient goes to the first largest element of each window. */
function maxPoolGradient(dy: Value, x: Value, y: Value, axes: readonly Axis[]): Value {
  return isSmall(axes) ? gradientByPlaces(dy, x, y, axes) : gradientByScatter(dy, x, axes);
}

function gradientByPlaces(given: Value, x: Value, y: Value, axes: readonly Axis[]): Value {
  const [dy, top] = [given, y].map(v => hlo.convert(v, x.dtype));
  const all = taps(x, axes, lowestOf(x));
  // Where no place before it has been the largest the last is, be it NaN: each gradient goes somewhere.
  const largest = all.slice(0, -1).map(tap => hlo.compare(tap, top, 'EQ'));
  const both = (a: Value | undefined, b: Value): Value => (a ? hlo.and(a, b) : b);
  let free: Value | undefined;
  const parts = largest.map(here => {
    const part = hlo.select(both(free, here), dy, like(dy, 0));
    free = both(free, hlo.not(here));
    return part;
  });
  return untap([...parts, free ? hlo.select(free, dy, like(dy, 0)) : dy], axes);
}

function gradientByScatter(dy: Value, x: Value, axes: readonly Axis[]): Value {
  const padding = axes.map(forwardPadding);
  // Rows that no window reaches: cut them off, and give them a zero gradient.
  const unused = [0, ...padding.map(([, high]) => Math.max(0, -high)), 0];
  const used = hlo.slice(
    x,
    x.shape.map(() => 0),
    x.shape.map((d, i) => d - unused[i]),
  );
  const w = windowOf(axes);
  const inside = {
    ...w,
    padding: w.padding.map(([low, high]): [number, number] => [low, Math.max(0, high)]),
  };
  const dx = hlo.selectAndScatter(used, hlo.convert(dy, used.dtype), hlo.scalar(0, used.dtype), inside, 'GE');
  return hlo.pad(
    dx,
    hlo.scalar(0, dx.dtype),
    unused.map(() => 0),
    unused,
  );
}

/** The flat position of each element of x [n, h, w, c], within its image or (`batch`) among all. */
function positions(x: Value, batch: boolean): Value {
  const [n, ...image] = x.shape;
  const inImage = image.reduce((product, size) => product * size, 1);
  const type: hlo.TensorType = { dtype: 's32', shape: [batch ? x.size : inImage] };
  const flat = hlo.iota(type, 0);
  if (batch) return hlo.reshape(flat, x.shape);
  return hlo.broadcastInDim(hlo.reshape(flat, image), [n, ...image], [1, 2, 3]);
}

/** The largest element of each window and its flat position; the first of equal ones. */
function maxPoolWithArgmax(x: Value, axes: readonly Axis[], batch: boolean): [Value, Value] {
  const { value, index } = largest(taps(x, axes, outsideOf(x)));
  const [first, ...others] = taps(positions(x, batch), axes, -1);
  const at = (place: number): Value => hlo.compare(index, like(index, place), 'EQ');
  return [value, others.reduce((found, tap, i) => hlo.select(at(i + 1), tap, found), first)];
}

/** How many elements of the input each window covers, as [1, …outputs, 1]. */
function counts(axes: readonly Axis[]): Value {
  let values = [1];
  for (const a of axes) {
    const along = Array.from({ length: a.output }, (_, o) => {
      const start = o * a.stride - a.low;
      // A window that lies wholly in the padding has the sum 0, and the mean 0.
      return Math.max(1, Math.min(a.input, start + a.kernel) - Math.max(0, start));
    });
    values = values.flatMap(v => along.map(n => v * n));
  }
  return hlo.constant(values, { dtype: 'f32', shape: [1, ...axes.map(a => a.output), 1] });
}

function perCount(x: Value, axes: readonly Axis[]): Value {
  const n = hlo.convert(counts(axes), x.dtype);
  return hlo.div(x, hlo.broadcastTo(n, x.shape));
}

function avgPool(x: Value, axes: readonly Axis[]): Value {
  const y = hlo.isFloat(x.dtype) ? addend(x) : hlo.convert(x, 'f32');
  const stored = hlo.isFloat(x.dtype) ? x.dtype : 'f32';
  if (isIdentity(axes)) return hlo.convert(y, stored);
  const sums = isSmall(axes)
    ? taps(y, axes, 0).reduce((a, b) => hlo.add(a, b))
    : hlo.reduceWindow(y, hlo.scalar(0, y.dtype), windowOf(axes), hlo.add);
  return hlo.convert(perCount(sums, axes), stored);
}

/**
 * Spreads each window's gradient evenly over the filter's size: a sum over the dilated gradient. At a padded border
 * TensorFlow.js's back ends divide by that size too, though the forward pass divides by what the window covers.
 */
function avgPoolGradient(dy: Value, axes: readonly Axis[]): Value {
  const size = axes.reduce((n, a) => n * a.kernel, 1);
  if (isSmall(axes)) return untap(Array<Value>(size).fill(hlo.mul(dy, like(dy, 1 / size))), axes);
  return hlo.reduceWindow(
    hlo.mul(dy, like(dy, 1 / size)),
    hlo.scalar(0, dy.dtype),
    {
      size: [1, ...axes.map(a => a.kernel), 1],
      strides: dy.shape.map(() => 1),
      padding: [[0, 0], ...axes.map(inputGradientPadding), [0, 0]],
      baseDilations: [1, ...axes.map(a => a.stride), 1],
    },
    hlo.add,
  );
}

for (const [suffix, geometry] of [
  ['', pool2D],
  ['3D', pool3D],
] as const) {
  define<PoolAttrs>(`MaxPool${suffix}`, ({ x }, attrs) => maxPool(x, geometry(x.shape, attrs)));
  define<PoolAttrs>(`AvgPool${suffix}`, ({ x }, attrs) => avgPool(x, geometry(x.shape, attrs)));
  define<PoolAttrs>(`MaxPool${suffix}Grad`, ({ dy, input, output }, attrs) =>
    maxPoolGradient(dy, input, output, geometry(input.shape, attrs)),
  );
  define<PoolAttrs>(`AvgPool${suffix}Grad`, ({ dy, input }, attrs) =>
    avgPoolGradient(dy, geometry(input.shape, attrs)),
  );
}

define<PoolAttrs & { includeBatchInIndex: boolean }>('MaxPoolWithArgmax', ({ x }, attrs) =>
  maxPoolWithArgmax(x, pool2D(x.shape, attrs), attrs.includeBatchInIndex),
);
