/** Windows of an image, place by place. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type Axis, forwardPadding } from './geometry';

/** Smallest number that stands for "outside": half the range of integers, so that adding to it does not wrap. */
export const outsideOf = (x: Value): number => (hlo.isFloat(x.dtype) ? -Infinity : -(2 ** 30));

/** The image x [n, h, w, c] with the frame of padding that its windows reach into. */
export function frame(x: Value, axes: readonly Axis[], outside: number): Value {
  const padding = axes.map(forwardPadding);
  const [low, high] = [0, 1].map(side => [0, ...padding.map(each => each[side]), 0]);
  return hlo.pad(x, hlo.scalar(outside, x.dtype), low, high, [0, 0, 0, 0]);
}

/** Places of a window, row by row. */
export const placesOf = ([rows, columns]: readonly Axis[]): [number, number][] =>
  Array.from({ length: rows.kernel * columns.kernel }, (_, place) => [
    Math.floor(place / columns.kernel),
    place % columns.kernel,
  ]);

/** For each place of the window what the windows have there, [n, rows, columns, c]; `outside` where that is padding. */
export const taps = (x: Value, axes: readonly Axis[], outside: number): Value[] =>
  tapsOfFramed(frame(x, axes, outside), axes);

/** Whether windows cover their image without overlap, one beside the other. */
const areSideBySide = (axes: readonly Axis[]): boolean =>
  axes.every(a => a.kernel === a.stride && a.dilation === 1);

/** As `taps`, of an image with its frame. */
export function tapsOfFramed(framed: Value, axes: readonly Axis[]): Value[] {
  const [n, , , c] = framed.shape;
  if (areSideBySide(axes)) {
    // Plain slices are faster than those with a stride.
    const [rows, columns] = axes;
    const apart = hlo.reshape(framed, [n, rows.output, rows.kernel, columns.output, columns.kernel, c]);
    return placesOf(axes).map(([row, column]) => {
      const limit = [n, rows.output, row + 1, columns.output, column + 1, c];
      const tap = hlo.slice(apart, [0, 0, row, 0, column, 0], limit);
      return hlo.reshape(tap, [n, rows.output, columns.output, c]);
    });
  }
  return placesOf(axes).map(place => {
    const first = axes.map((a, i) => place[i] * a.dilation);
    const last = axes.map((a, i) => first[i] + (a.output - 1) * a.stride + 1);
    return hlo.slice(framed, [0, ...first, 0], [n, ...last, c], [1, ...axes.map(a => a.stride), 1]);
  });
}

/** The reverse of `taps`: what belongs to each place of the windows, summed where windows overlap, as [n, h, w, c]. */
export function untap(parts: readonly Value[], axes: readonly Axis[]): Value {
  const padding = axes.map(forwardPadding);
  const framed = areSideBySide(axes) ? sideBySide(parts, axes) : summed(parts, axes);
  const [low, high] = [0, 1].map(side => [0, ...padding.map(each => -each[side]), 0]);
  return hlo.pad(framed, hlo.scalar(0, framed.dtype), low, high, [0, 0, 0, 0]);
}

/** `untap` of windows side by side, with the frame. */
function sideBySide(parts: readonly Value[], [rows, columns]: readonly Axis[]): Value {
  const [n, height, width, c] = parts[0].shape;
  const apart = parts.map(part => hlo.reshape(part, [n, height, 1, width, 1, c]));
  const lines = Array.from({ length: rows.kernel }, (_, row) =>
    hlo.concatenate(apart.slice(row * columns.kernel, (row + 1) * columns.kernel), 4),
  );
  return hlo.reshape(hlo.concatenate(lines, 2), [n, height * rows.kernel, width * columns.kernel, c]);
}

/** `untap` of any windows, with the frame. */
function summed(parts: readonly Value[], axes: readonly Axis[]): Value {
  const padding = axes.map(forwardPadding);
  const sizes = axes.map((a, i) => a.input + padding[i][0] + padding[i][1]);
  const places = placesOf(axes);
  const spread = parts.map((part, index) => {
    const low = axes.map((a, i) => places[index][i] * a.dilation);
    const high = axes.map((a, i) => sizes[i] - low[i] - ((a.output - 1) * a.stride + 1));
    const between = [0, ...axes.map(a => a.stride - 1), 0];
    return hlo.pad(part, hlo.scalar(0, part.dtype), [0, ...low, 0], [0, ...high, 0], between);
  });
  return spread.reduce((a, b) => hlo.add(a, b));
}

/** The largest of several values of one shape, and which it is: the first of equal ones, and never NaN. */
export function largest(xs: readonly Value[]): { value: Value; index: Value } {
  const indexOf = (i: number): Value => hlo.fill(i, { dtype: 's32', shape: xs[0].shape });
  let [value, index] = [hlo.fill(outsideOf(xs[0]), xs[0]), indexOf(0)];
  xs.forEach((x, i) => {
    const larger = hlo.compare(x, value, 'GT');
    value = hlo.select(larger, x, value);
    index = hlo.select(larger, indexOf(i), index);
  });
  return { value, index };
}
