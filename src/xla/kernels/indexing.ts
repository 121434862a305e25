/** Kernels that take or put elements at computed places. */
import { type DataType, backend_util, util } from '@tensorflow/tfjs-core';
import { STORAGE } from '../backend';
import { DeviceArray } from '../deviceArray';
import { XlaError } from '../errors';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { define } from './define';
import { addend } from './precision';

const MOVE = { storage: true };
interface GatherAttrs {
  axis: number;
  batchDims: number;
}

/** Indices that are still on the host are checked; on the device, those out of range are clamped. */
function checkRange(indices: Value, extent: number): undefined {
  const host = indices.source instanceof DeviceArray ? indices.source.hostData : undefined;
  const wrong = (host as Int32Array | undefined)?.find(i => i < 0 || i >= extent);
  if (wrong !== undefined)
    throw new XlaError(`GatherV2: the index value ${wrong} is not in [0, ${extent - 1}].`);
  return undefined;
}

/** result = x[:, …, indices, …, :] along `axis`; the first `batchDims` axes of both go together. */
function gatherAlong(x: Value, indices: Value, attrs: GatherAttrs): Value {
  const at = util.parseAxisParam(attrs.axis, [...x.shape])[0];
  const info = backend_util.segment_util.collectGatherOpShapeInfo(
    x as never,
    indices as never,
    at,
    attrs.batchDims ?? 0,
  );
  if (info.outputShape.includes(0)) return hlo.fill(0, { dtype: x.dtype, shape: info.outputShape });
  const start = hlo.convert(indices, 's32');
  const batchDims = (attrs.batchDims ?? 0) < 0 ? attrs.batchDims + indices.rank : (attrs.batchDims ?? 0);
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
  // Batched: one batch axis, and its coordinate becomes a further component of each index.
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } = info;
  const perBatch = indices.size / batchSize;
  const type: hlo.TensorType = { dtype: 's32', shape: [batchSize, perBatch, 1] };
  const vectors = hlo.concatenate([hlo.iota(type, 0), hlo.reshape(start, type.shape)], 2);
  const dims = { offsetDims: [1, 3], collapsedSliceDims: [0, 2], startIndexMap: [0, 2], indexVectorDim: 2 };
  const flat = hlo.reshape(x, [batchSize, outerSize, dimSize, sliceSize]);
  return hlo.reshape(hlo.gather(flat, vectors, dims, [1, outerSize, 1, sliceSize]), outputShape);
}

define<GatherAttrs>('GatherV2', ({ x, indices }, attrs) => gatherAlong(x, indices, attrs), {
  ...MOVE,
  atCall: ({ x, indices }, { axis }) =>
    checkRange(indices, x.shape[util.parseAxisParam(axis, [...x.shape])[0]]),
});

/** Index vectors in the last axis of `indices` select slices of `params`. */
define('GatherNd', ({ params, indices }) => {
  backend_util.prepareAndValidate(params as never, { shape: indices.shape, dtype: 'int32' } as never);
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

/** Puts `updates` at the index vectors in the last axis of `indices`; indices of rank ≤ 1 are vectors of length 1. */
function scatterNd(onto: Value, indices: Value, updates: Value, combine: hlo.Combine): Value {
  const depth = indices.rank > 1 ? indices.shape[indices.rank - 1] : 1;
  const count = indices.size / Math.max(1, depth);
  const indexed = Array.from({ length: depth }, (_, i) => i);
  const window = onto.shape.slice(depth);
  const dims = {
    updateWindowDims: window.map((_, i) => 1 + i),
    insertedWindowDims: indexed,
    scatterDimsToOperandDims: indexed,
    indexVectorDim: 1,
  };
  const vectors = hlo.reshape(hlo.convert(indices, 's32'), [count, depth]);
  const shape = [count, ...window];
  const given = hlo.convert(updates, onto.dtype);
  const full = given.rank === 0 ? hlo.broadcastTo(given, shape) : hlo.reshape(given, shape);
  return hlo.scatter(onto, vectors, full, dims, combine);
}

/** Adds `updates` up at the index vectors, in an array of zeros. */
function scatterSum(shape: number[], indices: Value, updates: Value): Value {
  const { dtype } = addend(updates);
  return scatterNd(hlo.fill(0, { dtype, shape }), indices, updates, hlo.add);
}

define<{ shape: number[] }>('ScatterNd', ({ indices, updates }, { shape }) =>
  scatterSum(shape, indices, updates),
);
define('TensorScatterUpdate', ({ tensor, indices, updates }) =>
  scatterNd(tensor, indices, updates, (_, update) => update),
);
define<{ outputShape: number[] }>(
  'SparseToDense',
  ({ sparseIndices, sparseValues, defaultValue }, { outputShape }) => {
    const onto = hlo.broadcastTo(hlo.reshape(defaultValue, []), outputShape);
    return scatterNd(onto, sparseIndices, sparseValues, (_, update) => update);
  },
);

define<{ numSegments: number }>('UnsortedSegmentSum', ({ x, segmentIds }, { numSegments }) => {
  const shape = [numSegments, ...x.shape.slice(segmentIds.rank)];
  return scatterSum(shape, hlo.reshape(segmentIds, [segmentIds.size, 1]), x);
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
    const out: hlo.TensorType = { dtype: STORAGE[dtype] ?? 'f32', shape };
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
