/**
 * Resizing of images [batch, height, width, channels]. Each output row (column) is a fixed mixture of input rows
 * (columns), so that resizing is a product with a constant matrix along either axis, and its gradient one with the
 * transposed matrices.
 */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { define } from './define';

interface ResizeAttrs {
  size: [number, number];
  alignCorners: boolean;
  halfPixelCenters: boolean;
}

type Sampling = Pick<ResizeAttrs, 'alignCorners' | 'halfPixelCenters'>;

/** Input coordinate per output coordinate. */
function ratio(from: number, to: number, { alignCorners }: Sampling): number {
  return alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;
}

/** Index of the input row that each output row copies. */
function nearest(from: number, to: number, sampling: Sampling): number[] {
  const scale = ratio(from, to, sampling);
  return Array.from({ length: to }, (_, i) => {
    const at = scale * (sampling.halfPixelCenters ? i + 0.5 : i);
    return Math.max(0, Math.min(from - 1, sampling.alignCorners ? Math.round(at) : Math.floor(at)));
  });
}

/** Matrix [to, from] of a resizing along one axis. */
function matrix(from: number, to: number, rows: readonly (readonly [number, number])[][]): Value {
  const weights = new Float32Array(to * from);
  rows.forEach((row, i) => row.forEach(([j, weight]) => (weights[i * from + j] += weight)));
  return hlo.constant(weights, { dtype: 'f32', shape: [to, from] });
}

function nearestMatrix(from: number, to: number, sampling: Sampling): Value {
  return matrix(
    from,
    to,
    nearest(from, to, sampling).map(j => [[j, 1]]),
  );
}

function bilinearMatrix(from: number, to: number, sampling: Sampling): Value {
  const scale = ratio(from, to, sampling);
  const rows = Array.from({ length: to }, (_, i): [number, number][] => {
    const at = sampling.halfPixelCenters ? scale * (i + 0.5) - 0.5 : scale * i;
    const low = Math.max(0, Math.floor(at));
    const high = Math.min(from - 1, Math.ceil(at));
    return [
      [low, 1 - (at - low)],
      [high, at - low],
    ];
  });
  return matrix(from, to, rows);
}

type MakeMatrix = typeof bilinearMatrix;

/** Multiplies axis `axis` of `x` by a matrix: its rows (`transposed`: its columns) become the new axis. */
function along(x: Value, axis: 1 | 2, m: Value, transposed: boolean): Value {
  const product = hlo.dotGeneral(x, m, { lhsContract: [axis], rhsContract: [transposed ? 0 : 1] });
  // The new axis comes last: put it where the old one was.
  return hlo.transpose(product, axis === 1 ? [0, 3, 1, 2] : [0, 1, 3, 2]);
}

function resize(x: Value, size: readonly [number, number], sampling: Sampling, make: MakeMatrix): Value {
  const rows = along(hlo.convert(x, 'f32'), 1, make(x.shape[1], size[0], sampling), false);
  return along(rows, 2, make(x.shape[2], size[1], sampling), false);
}

function resizeGradient(dy: Value, x: Value, sampling: Sampling, make: MakeMatrix): Value {
  const rows = along(dy, 1, make(x.shape[1], dy.shape[1], sampling), true);
  return along(rows, 2, make(x.shape[2], dy.shape[2], sampling), true);
}

/** Copies rows (columns) of `x`, whatever its type. */
function take(x: Value, axis: 1 | 2, indices: readonly number[]): Value {
  const offsetDims = [0, 1, 2, 3].filter(i => i !== axis);
  const dims = { offsetDims, collapsedSliceDims: [axis], startIndexMap: [axis], indexVectorDim: 1 };
  return hlo.gather(
    x,
    hlo.constant(indices, { dtype: 's32', shape: [indices.length] }),
    dims,
    x.shape.map((d, i) => (i === axis ? 1 : d)),
  );
}

define<ResizeAttrs>('ResizeBilinear', ({ images }, attrs) =>
  resize(images, attrs.size, attrs, bilinearMatrix),
);
define<Sampling>('ResizeBilinearGrad', ({ images, dy }, attrs) =>
  resizeGradient(dy, images, attrs, bilinearMatrix),
);
define<ResizeAttrs>(
  'ResizeNearestNeighbor',
  ({ images }, attrs) => {
    const rows = take(images, 1, nearest(images.shape[1], attrs.size[0], attrs));
    return take(rows, 2, nearest(images.shape[2], attrs.size[1], attrs));
  },
  { storage: true },
);
define<Sampling>('ResizeNearestNeighborGrad', ({ images, dy }, attrs) =>
  resizeGradient(dy, images, attrs, nearestMatrix),
);
