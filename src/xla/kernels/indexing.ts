/** Kernels that take or put elements at computed places. */
import { type DataType, util } from '@tensorflow/tfjs-core';
import * as hlo from '../hlo';
import { type DType, type Value } from '../hlo';
import { define } from './define';

const MOVE = { storage: true };
const DTYPES: Partial<Record<DataType, DType>> = { float32: 'f32', int32: 's32', bool: 'pred' };

interface GatherAttrs {
  axis: number;
  batchDims: number;
}

/** result = x[:, …, indices, …, :] along `axis`; the first `batchDims` axes of both go together. */
function gatherAlong(x: Value, indices: Value, { axis, batchDims }: GatherAttrs): Value {
  const at = util.parseAxisParam(axis, [...x.shape])[0];
  const start = hlo.convert(indices, 's32');
  if (batchDims === 0) {
    const before = x.shape.slice(0, at);
    const after = x.shape.slice(at + 1);
    const offsetDims = [...before.map((_, i) => i), ...after.map((_, i) => at + indices.rank + i)];
    const dims = { offsetDims, collapsedSliceDims: [at], startIndexMap: [at], indexVectorDim: indices.rank };
    return hlo.gather(
      x,
      start,
      dims,
      x.shape.map((d, i) => (i === at ? 1 : d)),
    );
  }
  // Batched: the batch coordinates become further components of each index.
  const shape = indices.shape;
  const type: hlo.TensorType = { dtype: 's32', shape };
  const components = shape.slice(0, batchDims).map((_, i) => hlo.iota(type, i));
  components.push(start);
  const vectors = hlo.concatenate(
    components.map(c => hlo.reshape(c, [...shape, 1])),
    shape.length,
  );
  const indexed = [...components.keys()].map(i => (i < batchDims ? i : at));
  const middle = x.shape.slice(batchDims, at);
  const after = x.shape.slice(at + 1);
  // Result: batch, middle, remaining index axes, after.
  const rest = shape.length - batchDims;
  const offsetDims = [
    ...middle.map((_, i) => batchDims + i),
    ...after.map((_, i) => batchDims + middle.length + rest + i),
  ];
  const dims = {
    offsetDims,
    collapsedSliceDims: indexed,
    startIndexMap: indexed,
    indexVectorDim: shape.length,
  };
  return hlo.gather(
    x,
    vectors,
    dims,
    x.shape.map((d, i) => (indexed.includes(i) ? 1 : d)),
  );
}

define<GatherAttrs>('GatherV2', ({ x, indices }, attrs) => gatherAlong(x, indices, attrs), MOVE);

/** Index vectors in the last axis of `indices` select slices of `params`. */
define('GatherNd', ({ params, indices }) => {
  const depth = indices.shape[indices.rank - 1];
  const indexed = Array.from({ length: depth }, (_, i) => i);
  const batch = indices.rank - 1;
  const dims = {
    offsetDims: params.shape.slice(depth).map((_, i) => batch + i),
    collapsedSliceDims: indexed,
    startIndexMap: indexed,
    indexVectorDim: batch,
  };
  return hlo.gather(
    params,
    hlo.convert(indices, 's32'),
    dims,
    params.shape.map((d, i) => (i < depth ? 1 : d)),
  );
});

/** Puts `updates` at the index vectors in the last axis of `indices`. */
function scatterNd(onto: Value, indices: Value, updates: Value, combine: hlo.Combine): Value {
  const at = indices.rank === 0 ? hlo.reshape(indices, [1]) : indices;
  const depth = at.rank === 1 && updates.rank === 0 ? at.shape[0] : at.shape[at.rank - 1];
  const indexed = Array.from({ length: depth }, (_, i) => i);
  const batch = at.rank - 1;
  const window = onto.shape.slice(depth);
  const full = hlo.broadcastTo(updates, [...at.shape.slice(0, -1), ...window]);
  const dims = {
    updateWindowDims: window.map((_, i) => batch + i),
    insertedWindowDims: indexed,
    scatterDimsToOperandDims: indexed,
    indexVectorDim: batch,
  };
  return hlo.scatter(onto, hlo.convert(at, 's32'), full, dims, combine);
}

define<{ shape: number[] }>('ScatterNd', ({ indices, updates }, { shape }) =>
  scatterNd(hlo.fill(0, { dtype: updates.dtype, shape }), indices, updates, hlo.add),
);
define('TensorScatterUpdate', ({ tensor, indices, updates }) =>
  scatterNd(tensor, indices, updates, (_, update) => update),
);
define<{ outputShape: number[] }>(
  'SparseToDense',
  ({ sparseIndices, sparseValues, defaultValue }, { outputShape }) => {
    const onto = hlo.broadcastTo(hlo.reshape(defaultValue, []), outputShape);
    const vectors =
      sparseIndices.rank < 2 ? hlo.reshape(sparseIndices, [sparseIndices.size, 1]) : sparseIndices;
    const values = hlo.broadcastTo(sparseValues, [vectors.shape[0]]);
    return scatterNd(onto, vectors, values, (_, update) => update);
  },
);

define<{ numSegments: number }>('UnsortedSegmentSum', ({ x, segmentIds }, { numSegments }) => {
  const batch = segmentIds.shape.length;
  const onto = hlo.fill(0, { dtype: x.dtype, shape: [numSegments, ...x.shape.slice(batch)] });
  return scatterNd(onto, hlo.reshape(segmentIds, [...segmentIds.shape, 1]), x, hlo.add);
});

define<{ depth: number; onValue: number; offValue: number; dtype: DataType }>(
  'OneHot',
  ({ indices }, { depth, onValue, offValue, dtype }) => {
    const shape = [...indices.shape, depth];
    const type: hlo.TensorType = { dtype: 's32', shape };
    const dims = indices.shape.map((_, i) => i);
    const hit = hlo.compare(
      hlo.iota(type, indices.rank),
      hlo.broadcastInDim(hlo.convert(indices, 's32'), shape, dims),
      'EQ',
    );
    const out: hlo.TensorType = { dtype: DTYPES[dtype] ?? 'f32', shape };
    return hlo.select(hit, hlo.fill(onValue, out), hlo.fill(offValue, out));
  },
);

/** The k largest along the last axis, the lower index first on ties. */
define<{ k: number; sorted: boolean }>('TopK', ({ x }, { k }) => {
  const axis = x.rank - 1;
  const indices = hlo.iota({ dtype: 's32', shape: x.shape }, axis);
  const sorted = hlo.sort([x, indices], axis, (a, b) => hlo.compare(a[0], b[0], 'GT'));
  const limit = x.shape.map((d, i) => (i === axis ? k : d));
  const zero = x.shape.map(() => 0);
  return sorted.map(v => hlo.slice(v, zero, limit));
});
