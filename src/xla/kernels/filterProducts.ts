/**
 * The filter gradient of a convolution as matrix products: XLA's own convolution of that shape, whose window is the whole image, is two
 * to five times slower on CPUs.
 *
 * dw[i, j, ci, co] = Σ x[n, h(r, i), w(q, j), ci] · dy[n, r, q, co] over images n and output positions (r, q). For each row i of the filter
 * that is one product [kw·ci, n·rows·q] × [n·rows·q, co]: the columns' taps are laid out once, channels first; for the rows' taps the
 * smaller operand dy is shifted instead. With a stride, pixels of x that lie `stride` apart make one such operand. The sum over images
 * is split into groups, one product each: that is what the library's threads share among them.
 */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type Axis } from './geometry';
import { productPrecision } from './precision';

/** Where the input that a tap meets begins, in steps of the stride after the first pixel of its phase. */
interface Start {
  readonly phase: number;
  readonly shift: number;
}

/** Of each tap of the axis. */
const startsOf = (a: Axis): Start[] =>
  Array.from({ length: a.kernel }, (_, tap) => {
    const first = tap * a.dilation - a.low;
    const shift = Math.floor(first / a.stride);
    return { phase: first - shift * a.stride, shift };
  });

/** Whether each tap meets the input somewhere. */
export const productsFit = (axes: readonly Axis[]): boolean =>
  axes.every(a =>
    startsOf(a).every(({ phase, shift }) => {
      const first = phase + shift * a.stride;
      return Math.abs(first) < Math.min(a.input, a.output * a.stride);
    }),
  );

/** Pixels that a product sums over at least; shorter ones would write more than they read. */
const LEAST = 256;

/** Products that the sum over so many pixels of a batch is split into. */
const groupsOf = (batch: number, pixels: number): number =>
  [4, 2, 3, 5, 7].find(count => batch % count === 0 && pixels / count >= LEAST) ?? 1;

/** `x` moved along an axis: element `shift` comes first, zeros where there are none, `size` in all. */
function shifted(x: Value, axis: number, shift: number, size: number): Value {
  const along = (value: number) => x.shape.map((_, a) => (a === axis ? value : 0));
  return hlo.pad(x, hlo.scalar(0, x.dtype), along(-shift), along(shift + size - x.shape[axis]));
}

/** What a function makes of each key, made once. */
function remembered<K, V>(make: (key: K) => V): (key: K) => V {
  const known = new Map<K, V>();
  return key => {
    if (!known.has(key)) known.set(key, make(key));
    return known.get(key)!;
  };
}

/** dL/dw [kh, kw, ci, co], f32, of x [n, h, w, ci] and dy [n, r, q, co]. */
export function filterProducts(x: Value, dy: Value, [rows, columns]: readonly Axis[]): Value {
  const [n, h, w, ci] = x.shape;
  const co = dy.shape[3];
  const groups = groupsOf(n, dy.size / co);
  // Neither is computed anew for each tap.
  const [image, gradient] = [hlo.barrier(x), hlo.barrier(dy)];

  /** Rows of a phase, the columns that each tap meets: [groups, kw·ci, n/groups·rows, q]. */
  const operand = remembered((rowPhase: number) => {
    const channelsFirst = remembered((phase: number) => {
      const strides = [1, rows.stride, columns.stride, 1];
      const pixels = hlo.barrier(hlo.slice(image, [0, rowPhase, phase, 0], [n, h, w, ci], strides));
      const [, height, width] = pixels.shape;
      const grouped = hlo.reshape(pixels, [groups, n / groups, height, width, ci]);
      const moved = hlo.transpose(grouped, [0, 4, 1, 2, 3]);
      return hlo.barrier(hlo.reshape(moved, [groups, ci, (n / groups) * height, width]));
    });
    const taps = startsOf(columns).map(({ phase, shift }) =>
      shifted(channelsFirst(phase), 3, shift, columns.output),
    );
    return hlo.barrier(hlo.concatenate(taps, 1));
  });

  const filterRows = startsOf(rows).map(({ phase, shift }) => {
    const lhs = operand(phase);
    const rhs = hlo.barrier(shifted(gradient, 1, -shift, lhs.shape[2] / (n / groups)));
    const [m, k] = [lhs.shape[1], rhs.size / groups / co];
    const products = hlo.dotGeneral(hlo.reshape(lhs, [groups, m, k]), hlo.reshape(rhs, [groups, k, co]), {
      ...{ lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [1] },
      ...{ precision: productPrecision(), accumulate: 'f32' },
    });
    // Added up in the products' own kernel they would be computed by one thread.
    return hlo.reshape(hlo.sum(hlo.barrier(products), [0]), [1, columns.kernel, ci, co]);
  });
  return hlo.concatenate(filterRows, 0);
}
