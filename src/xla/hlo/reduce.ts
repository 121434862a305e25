/** Reductions: of axes, and of windows. */
import { i64s } from './attributes';
import { scalar } from './constant';
import { compare, add, type Direction } from './elementwise';
import { type Combine, combiner, several } from './region';
import { Value } from './value';
import { type Window, padText, windowed } from './window';

/** Reduces `axes` (removed from the shape) starting at `init`. */
export function reduce(x: Value, init: Value, axes: readonly number[], combine: Combine): Value {
  const shape = x.shape.filter((_, i) => !axes.includes(i));
  if (axes.length === 0) return x;
  return new Value('reduce', [x, init], x.dtype, shape, { dimensions: i64s(axes) }, [
    combiner(combine, x.dtype),
  ]);
}

export const sum = (x: Value, axes: readonly number[]): Value => reduce(x, scalar(0, x.dtype), axes, add);

/** Reduces several values of one shape together; `combine` takes the accumulators, then the elements. */
export function reduceMany(
  xs: readonly Value[],
  inits: readonly Value[],
  axes: readonly number[],
  combine: (accumulators: readonly Value[], elements: readonly Value[]) => readonly Value[],
): Value[] {
  const shape = xs[0].shape.filter((_, i) => !axes.includes(i));
  const accumulators = xs.map(x => new Value('region_parameter', [], x.dtype, []));
  const elements = xs.map(x => new Value('region_parameter', [], x.dtype, []));
  const region = { parameters: [...accumulators, ...elements], results: combine(accumulators, elements) };
  const types = xs.map(x => ({ dtype: x.dtype, shape }));
  return several('reduce', [...xs, ...inits], types, { dimensions: i64s(axes) }, [region]);
}

export function reduceWindow(x: Value, init: Value, w: Window, combine: Combine): Value {
  const attrs: Record<string, string> = { window_dimensions: i64s(w.size), window_strides: i64s(w.strides) };
  if (w.baseDilations) attrs.base_dilations = i64s(w.baseDilations);
  if (w.dilations) attrs.window_dilations = i64s(w.dilations);
  attrs.padding = padText(w.padding);
  const shape = x.shape.map((d, i) => windowed(d, i, w));
  return new Value('reduce_window', [x, init], x.dtype, shape, attrs, [combiner(combine, x.dtype)]);
}

/** Scatters `source` to the element of each window of `x` that wins `direction` (the first, on ties). */
export function selectAndScatter(
  x: Value,
  source: Value,
  init: Value,
  w: Window,
  direction: Direction,
): Value {
  const attrs = {
    window_dimensions: i64s(w.size),
    window_strides: i64s(w.strides),
    padding: padText(w.padding),
  };
  return new Value('select_and_scatter', [x, source, init], x.dtype, x.shape, attrs, [
    combiner((a, b) => compare(a, b, direction), x.dtype),
    combiner(add, x.dtype),
  ]);
}
