/**
 * Depthwise convolutions as sums over the kernel's taps: XLA's CPU compiler makes one vectorized loop of the sum, and has only scalar
 * loops for convolutions of as many groups as channels.
 *
 * y[n, p, c, m] = Σ x[n, stride·p + dilation·t − low, c] · w[t, c, m] over the taps t, two-dimensional like the positions p. Images are
 * [n, h, w, channels], kernels [h, w, channels, multiplier], results [n, h, w, channels·multiplier].
 */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type Axis, forwardPadding, inputGradientPadding } from './geometry';

type Axes = readonly Axis[];

const tapCount = (axes: Axes): number => axes.reduce((n, a) => n * a.kernel, 1);

/** Whether the taps are few enough for a program that compiles soon. */
export const tapsFit = (axes: Axes): boolean => tapCount(axes) <= 121;

/** Fewer for the filter gradient, which takes a loop a tap, except with a multiplier: there XLA's own takes seconds. */
export const filterTapsFit = (axes: Axes, multiplier: number): boolean =>
  tapCount(axes) <= 9 || multiplier > 1;

/** Every tap of the kernel with what `term` makes of it. */
function overTaps([rows, columns]: Axes, term: (tap: readonly [number, number]) => Value): Value[] {
  return Array.from({ length: rows.kernel * columns.kernel }, (_, k) =>
    term([Math.floor(k / columns.kernel), k % columns.kernel]),
  );
}

/** An image with padding, and with `strides` − 1 zeros between its elements. */
function padded(x: Value, padding: readonly [number, number][], strides: readonly number[]): Value {
  const spatial = (f: (axis: number) => number): number[] =>
    x.shape.map((_, i) => (i === 1 || i === 2 ? f(i - 1) : 0));
  const [low, high] = [0, 1].map(end => spatial(axis => padding[axis][end]));
  return hlo.pad(
    x,
    hlo.scalar(0, x.dtype),
    low,
    high,
    spatial(axis => strides[axis] - 1),
  );
}

/** `sides` elements of an image from `start` on, `strides` apart. */
function window(
  x: Value,
  start: readonly number[],
  sides: readonly number[],
  strides: readonly number[],
): Value {
  const [n, , , ...channels] = x.shape;
  const zeros = channels.map(() => 0);
  const limit = start.map((s, i) => s + (sides[i] - 1) * strides[i] + 1);
  return hlo.slice(
    x,
    [0, ...start, ...zeros],
    [n, ...limit, ...channels],
    [1, ...strides, ...channels.map(() => 1)],
  );
}

/** Adds a last axis for the multiplier, where there is one. */
function multiplied(x: Value, multiplier: number): Value {
  if (multiplier === 1) return x;
  return hlo.broadcastInDim(
    x,
    [...x.shape, multiplier],
    x.shape.map((_, i) => i),
  );
}

/** One tap's weights, for each element of an image of the given shape [n, h, w, channels] or [n, h, w, channels, multiplier]. */
function weights(w: Value, [i, j]: readonly [number, number], shape: readonly number[]): Value {
  const channels = shape.slice(3);
  const one = hlo.slice(w, [i, j, 0, 0], [i + 1, j + 1, w.shape[2], w.shape[3]]);
  return hlo.broadcastInDim(
    hlo.reshape(one, channels),
    shape,
    channels.map((_, k) => 3 + k),
  );
}

const total = (terms: readonly Value[]): Value => terms.reduce((a, b) => hlo.add(a, b));

/** The gradient [n, h, w, channels·multiplier] with an axis for the multiplier, where there is one. */
function unfolded(dy: Value, channels: number): Value {
  const multiplier = dy.shape[3] / channels;
  return multiplier === 1 ? dy : hlo.reshape(dy, [...dy.shape.slice(0, 3), channels, multiplier]);
}

/** y = x * w. */
export function depthwise(x: Value, w: Value, axes: Axes): Value {
  const multiplier = w.shape[3];
  const image = padded(x, axes.map(forwardPadding), [1, 1]);
  const [sides, strides] = [axes.map(a => a.output), axes.map(a => a.stride)];
  const terms = overTaps(axes, tap => {
    const start = tap.map((t, i) => t * axes[i].dilation);
    const met = multiplied(window(image, start, sides, strides), multiplier);
    return hlo.mul(met, weights(w, tap, met.shape));
  });
  return hlo.reshape(total(terms), [x.shape[0], ...sides, w.shape[2] * multiplier]);
}

/** dL/dx of dL/dy: the same sum over the dilated gradient, from the last tap to the first. */
export function depthwiseInput(dy: Value, w: Value, axes: Axes): Value {
  const image = padded(
    unfolded(dy, w.shape[2]),
    axes.map(inputGradientPadding),
    axes.map(a => a.stride),
  );
  const sides = axes.map(a => a.input);
  const terms = overTaps(axes, tap => {
    const start = tap.map((t, i) => (axes[i].kernel - 1 - t) * axes[i].dilation);
    const met = window(image, start, sides, [1, 1]);
    return hlo.mul(met, weights(w, tap, met.shape));
  });
  const dx = total(terms);
  return dx.rank === 5 ? hlo.sum(dx, [4]) : dx;
}

/** dL/dw [h, w, channels, multiplier]: for each tap the products of dy with what the tap meets, summed over images and positions. */
export function depthwiseFilter(x: Value, dy: Value, axes: Axes): Value {
  const gradient = unfolded(dy, x.shape[3]);
  const multiplier = gradient.shape[4] ?? 1;
  const image = hlo.barrier(padded(x, axes.map(forwardPadding), [1, 1])); // written once: it compiles sooner
  const [sides, strides] = [axes.map(a => a.output), axes.map(a => a.stride)];
  const sums = overTaps(axes, tap => {
    const start = tap.map((t, i) => t * axes[i].dilation);
    const met = multiplied(window(image, start, sides, strides), multiplier);
    return hlo.reshape(hlo.sum(hlo.mul(met, gradient), [0, 1, 2]), [1, 1, x.shape[3], multiplier]);
  });
  return hlo.reshape(hlo.concatenate(sums, 0), [axes[0].kernel, axes[1].kernel, x.shape[3], multiplier]);
}
