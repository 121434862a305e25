/**
 * Depthwise convolutions as sums over the kernel's taps: XLA's CPU compiler makes one vectorized loop of the sum, and has only scalar
 * loops for convolutions of as many groups as channels.
 *
 * y[n, p, c, m] = Σ x[n, stride·p + dilation·t − low, c] · w[t, c, m] over the taps t, two-dimensional like the positions p. Images are
 * [n, h, w, channels], kernels [h, w, channels, multiplier], results [n, h, w, channels·multiplier].
 */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type Axis, inputGradientPadding } from './geometry';
import { frame, placesOf, taps, tapsOfFramed } from './taps';

type Axes = readonly Axis[];

const tapCount = (axes: Axes): number => axes.reduce((n, a) => n * a.kernel, 1);

/** Whether the taps are few enough for a program that compiles soon. */
export const tapsFit = (axes: Axes): boolean => tapCount(axes) <= 121;

/** Fewer for the filter gradient, which takes a loop a tap, except with a multiplier: there XLA's own takes seconds. */
export const filterTapsFit = (axes: Axes, multiplier: number): boolean =>
  tapCount(axes) <= 9 || multiplier > 1;

/** Adds a last axis for the multiplier, where there is one. */
function multiplied(x: Value, multiplier: number): Value {
  if (multiplier === 1) return x;
  return hlo.broadcastInDim(
    x,
    [...x.shape, multiplier],
    x.shape.map((_, i) => i),
  );
}

/** x [n, h, w, channels] or [n, h, w, channels, multiplier] times one tap's weights. */
function weighted(x: Value, w: Value, [i, j]: readonly [number, number]): Value {
  const channels = x.shape.slice(3);
  const one = hlo.slice(w, [i, j, 0, 0], [i + 1, j + 1, w.shape[2], w.shape[3]]);
  const axes = channels.map((_, k) => 3 + k);
  return hlo.mul(x, hlo.broadcastInDim(hlo.reshape(one, channels), x.shape, axes));
}

const total = (terms: readonly Value[]): Value => terms.reduce((a, b) => hlo.add(a, b));

/** [n, h, w, channels·multiplier] with an axis for the multiplier, where there is one. */
function unfolded(dy: Value, channels: number): Value {
  const multiplier = dy.shape[3] / channels;
  return multiplier === 1 ? dy : hlo.reshape(dy, [...dy.shape.slice(0, 3), channels, multiplier]);
}

/** y = x * w. */
export function depthwise(x: Value, w: Value, axes: Axes): Value {
  const places = placesOf(axes);
  const terms = taps(x, axes, 0).map((met, k) => weighted(multiplied(met, w.shape[3]), w, places[k]));
  return hlo.reshape(total(terms), [x.shape[0], ...axes.map(a => a.output), w.shape[2] * w.shape[3]]);
}

/** dL/dx of dL/dy: the same sum over the gradient, spread by the strides, from the last tap to the first. */
export function depthwiseInput(dy: Value, w: Value, axes: Axes): Value {
  const none = [0, 0, 0, 0];
  const between = [0, ...axes.map(a => a.stride - 1), 0];
  const spread = hlo.pad(dy, hlo.scalar(0, dy.dtype), none, none, between);
  const back = axes.map((a, i) => ({
    ...{ input: spread.shape[i + 1], output: a.input, kernel: a.kernel, stride: 1, dilation: a.dilation },
    low: inputGradientPadding(a)[0],
  }));
  const lastFirst = placesOf(axes).reverse();
  const terms = taps(spread, back, 0).map((met, k) => weighted(unfolded(met, w.shape[2]), w, lastFirst[k]));
  const dx = total(terms);
  return dx.rank === 5 ? hlo.sum(dx, [4]) : dx;
}

/** dL/dw [h, w, channels, multiplier]: for each tap the products of dy with what the tap meets, summed over images and positions. */
export function depthwiseFilter(x: Value, dy: Value, axes: Axes): Value {
  const gradient = unfolded(dy, x.shape[3]);
  const multiplier = gradient.shape[4] ?? 1;
  const image = hlo.barrier(frame(x, axes, 0)); // written once: it compiles sooner
  const sums = tapsOfFramed(image, axes).map(met =>
    hlo.reshape(hlo.sum(hlo.mul(multiplied(met, multiplier), gradient), [0, 1, 2]), [
      1,
      1,
      x.shape[3],
      multiplier,
    ]),
  );
  return hlo.reshape(hlo.concatenate(sums, 0), [axes[0].kernel, axes[1].kernel, x.shape[3], multiplier]);
}
