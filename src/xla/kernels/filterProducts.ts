/**
 * The filter gradient of a convolution as matrix products, for processors on which XLA has no good kernel for it.
 *
 * dw[i, j, ci, co] = Σ x[n, h(r, i), w(q, j), ci] · dy[n, r, q, co] over images n and output positions (r, q). For each row i of the filter
 * that is one product [kw·ci, n·rows·q] × [n·rows·q, co]: the columns' taps are laid out once, channels first; for the rows' taps the
 * smaller operand dy is shifted instead. With a stride, rows of x that lie `stride` apart make one such operand.
 */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type Axis } from './geometry';
import { productPrecision } from './precision';

/** Position in the input that a tap meets at the first output. */
const firstOf = (a: Axis, tap: number): number => tap * a.dilation - a.low;

const tapsOf = (a: Axis): number[] => Array.from({ length: a.kernel }, (_, tap) => tap);

/** Whether each tap meets the input somewhere. */
export const productsFit = (axes: readonly Axis[]): boolean =>
  axes.every(a =>
    tapsOf(a).every(tap => {
      const first = firstOf(a, tap);
      return Math.abs(first) < Math.min(a.input, a.output * a.stride);
    }),
  );

const zero = (x: Value): Value => hlo.scalar(0, x.dtype);

/** `x` [n, h, w, ci] at rows phase, phase + stride, … and at the columns that each tap meets, as [kw·ci, n, rows, q]. */
function patches(x: Value, phase: number, rows: Axis, columns: Axis): Value {
  const [n, h, , ci] = x.shape;
  const lines = hlo.slice(x, [0, phase, 0, 0], [n, h, x.shape[2], ci], [1, rows.stride, 1, 1]);
  const taps = tapsOf(columns).map(tap => {
    const first = firstOf(columns, tap);
    const width = (columns.output - 1) * columns.stride + 1;
    const edge = [0, 0, first + width - columns.input, 0];
    const shifted = hlo.pad(lines, zero(x), [0, 0, -first, 0], edge, [0, 0, 0, 0]);
    const met = hlo.slice(shifted, [0, 0, 0, 0], shifted.shape, [1, 1, columns.stride, 1]);
    return hlo.transpose(met, [3, 0, 1, 2]);
  });
  return hlo.barrier(hlo.concatenate(taps, 0));
}

/** dL/dw [kh, kw, ci, co] of x [n, h, w, ci] and dy [n, r, q, co]. */
export function filterProducts(x: Value, dy: Value, [rows, columns]: readonly Axis[]): Value {
  const operands = new Map<number, Value>();
  // Neither is computed anew for each tap.
  const [image, gradient] = [hlo.barrier(x), hlo.barrier(dy)];
  const [ci, co] = [x.shape[3], dy.shape[3]];
  const filterRows = tapsOf(rows).map(tap => {
    const first = firstOf(rows, tap);
    const shift = Math.floor(first / rows.stride);
    const phase = first - shift * rows.stride;
    const lhs = operands.get(phase) ?? patches(image, phase, rows, columns);
    operands.set(phase, lhs);
    const over = lhs.shape[2] - rows.output - shift;
    const still = shift === 0 && over === 0;
    const rhs = still
      ? gradient
      : hlo.barrier(hlo.pad(gradient, zero(dy), [0, shift, 0, 0], [0, over, 0, 0], [0, 0, 0, 0]));
    const [m, k] = [lhs.shape[0], rhs.size / co];
    const product = hlo.dotGeneral(hlo.reshape(lhs, [m, k]), hlo.reshape(rhs, [k, co]), {
      lhsContract: [1],
      rhsContract: [0],
      precision: productPrecision(),
    });
    return hlo.reshape(product, [1, columns.kernel, ci, co]);
  });
  return hlo.concatenate(filterRows, 0);
}
