/** Kernels that move data without computing: reshape, transpose, slice, pad, concatenate, tile and relatives. */
import {
  type DataType,
  type TensorInfo,
  backend_util,
  registerKernel,
  slice_util,
  util,
} from '@tensorflow/tfjs-core';
import { BACKEND, STORAGE, type XlaBackend } from '../backend';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { alike } from './broadcast';
import { define, kernelNames, listOf } from './define';

const MOVE = { storage: true };

/** A kernel whose result shares its input's data, in another shape. */
function defineView<A>(name: string, newShape: (x: TensorInfo, attrs: A) => readonly number[]): void {
  kernelNames.push(name);
  registerKernel({
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const x = (inputs.x ?? inputs.input)!;
      return (backend as XlaBackend).view(x, newShape(x, attrs as A));
    },
  });
}

defineView('Identity', x => x.shape);

defineView<{ shape: number[] }>('Reshape', (x, { shape }) => {
  const size = util.sizeFromShape(x.shape);
  const full = util.inferFromImplicitShape(shape, size);
  util.assert(
    util.sizeFromShape(full) === size,
    () => `A tensor of shape [${x.shape}] has no shape [${full}].`,
  );
  return full;
});

defineView<{ dim: number }>('ExpandDims', ({ shape }, { dim }) => {
  const rank = shape.length;
  util.assert(dim >= -rank - 1 && dim <= rank, () => `Axis ${dim} must be in [${-rank - 1}, ${rank}]`);
  const at = dim < 0 ? rank + dim + 1 : dim;
  return [...shape.slice(0, at), 1, ...shape.slice(at)];
});

define('Boundary', ({ x, like: { dtype } = x }) => hlo.boundary(hlo.convert(x, dtype)), MOVE);

define<{ perm: number[] }>('Transpose', ({ x }, { perm }) => hlo.transpose(x, perm), MOVE);

interface SliceAttrs {
  begin: number | number[];
  size: number | number[];
}

/** First indices, and how many from there. */
function sliceOf(x: Value, { begin, size }: SliceAttrs): { start: number[]; extent: number[] } {
  const info = { shape: [...x.shape], rank: x.rank };
  const [start, extent] = slice_util.parseSliceParams(info as never, begin, size);
  slice_util.assertParamsValid(info as never, start, extent);
  return { start, extent };
}

/**
 * Outside of jit, what is taken of stored data begins where data say, not the program: a loop over batches compiles once. The first
 * index of each axis that is not taken whole is an input.
 */
function sliceAt(x: Value, { start, extent }: ReturnType<typeof sliceOf>, backend: XlaBackend): Value {
  const partial = start.flatMap((_, axis) => (extent[axis] < x.shape[axis] ? [axis] : []));
  if (partial.length === 0) return x;
  const given = partial.map(axis => start[axis]);
  const input = backend.fromHost(given, [given.length], 's32');
  const starts = start.map((_, axis) => {
    const place = partial.indexOf(axis);
    return place < 0 ? hlo.scalar(0, 's32') : hlo.reshape(hlo.slice(input, [place], [place + 1]), []);
  });
  return hlo.dynamicSlice(x, starts, extent);
}

define<SliceAttrs>(
  'Slice',
  ({ x }, attrs) => {
    const { start, extent } = sliceOf(x, attrs);
    return hlo.slice(
      x,
      start,
      start.map((s, i) => s + extent[i]),
    );
  },
  {
    ...MOVE,
    atCall: ({ x }, attrs, { backend }) =>
      x.source && !backend.tracing ? sliceAt(x, sliceOf(x, attrs), backend) : undefined,
  },
);

interface StridedSliceAttrs {
  begin: number[];
  end: number[];
  strides: number[];
  beginMask: number;
  endMask: number;
  ellipsisMask: number;
  newAxisMask: number;
  shrinkAxisMask: number;
}

define<StridedSliceAttrs>(
  'StridedSlice',
  ({ x }, a) => {
    const info = slice_util.sliceInfo(
      [...x.shape],
      a.begin,
      a.end,
      a.strides,
      a.beginMask,
      a.endMask,
      a.ellipsisMask,
      a.newAxisMask,
      a.shrinkAxisMask,
    );
    const lengths = slice_util.computeOutShape(info.begin, info.end, info.strides);
    if (lengths.some(n => n === 0)) return hlo.fill(0, { dtype: x.dtype, shape: info.finalShape });
    const backwards = info.strides.map((s, i) => (s < 0 ? i : -1)).filter(i => i >= 0);
    // A negative stride is a positive one over the same elements, read in reverse.
    const low = info.begin.map((b, i) => (info.strides[i] < 0 ? b + (lengths[i] - 1) * info.strides[i] : b));
    const step = info.strides.map(Math.abs);
    const high = low.map((l, i) => l + (lengths[i] - 1) * step[i] + 1);
    return hlo.reshape(hlo.reverse(hlo.slice(x, low, high, step), backwards), info.finalShape);
  },
  MOVE,
);

define<{ axis: number }>(
  'Concat',
  (inputs, { axis }) => {
    const all = alike(listOf(inputs));
    const at = util.parseAxisParam(axis, [...all[0].shape])[0];
    backend_util.assertParamsConsistent(
      all.map(x => [...x.shape]),
      at,
    );
    const filled = all.filter(x => x.size > 0);
    return filled.length > 0 ? hlo.concatenate(filled, at) : hlo.concatenate(all, at);
  },
  MOVE,
);

define<{ axis: number }>(
  'Pack',
  (inputs, { axis }, { dtypes }) => {
    const all = alike(listOf(inputs));
    for (const x of all) {
      util.assertShapesMatch(
        [...x.shape],
        [...all[0].shape],
        'All tensors passed to stack must have matching shapes',
      );
    }
    const kinds = new Set(Object.values(dtypes));
    util.assert(kinds.size === 1, () => 'All tensors passed to stack must have matching dtypes');
    const at = axis < 0 ? all[0].rank + 1 + axis : axis;
    const shape = [...all[0].shape];
    shape.splice(at, 0, 1);
    return hlo.concatenate(
      all.map(x => hlo.reshape(x, shape)),
      at,
    );
  },
  MOVE,
);

function pieces(x: Value, axis: number, sizes: readonly number[]): Value[] {
  let at = 0;
  return sizes.map(size => {
    const start = x.shape.map((_, i) => (i === axis ? at : 0));
    const limit = x.shape.map((d, i) => (i === axis ? at + size : d));
    at += size;
    return hlo.slice(x, start, limit);
  });
}

define<{ axis: number }>(
  'Unpack',
  ({ value }, { axis }) => {
    const at = axis < 0 ? value.rank + axis : axis;
    const shape = value.shape.filter((_, i) => i !== at);
    const ones = new Array<number>(value.shape[at]).fill(1);
    return pieces(value, at, ones).map(p => hlo.reshape(p, shape));
  },
  MOVE,
);

define<{ numOrSizeSplits: number[] | number; axis: number }>(
  'SplitV',
  ({ x }, { numOrSizeSplits, axis }) => {
    const at = util.parseAxisParam(axis, [...x.shape])[0];
    const shaped = { shape: [...x.shape] } as never;
    return pieces(x, at, backend_util.prepareSplitSize(shaped, numOrSizeSplits, at));
  },
  MOVE,
);

define<{ paddings: [number, number][]; constantValue: number }>(
  'PadV2',
  ({ x }, { paddings, constantValue }) =>
    hlo.pad(
      x,
      hlo.scalar(constantValue, x.dtype),
      paddings.map(p => p[0]),
      paddings.map(p => p[1]),
    ),
);

define<{ paddings: [number, number][]; mode: 'reflect' | 'symmetric' }>(
  'MirrorPad',
  ({ x }, { paddings, mode }) => {
    const skip = mode === 'reflect' ? 1 : 0;
    return paddings.reduce((y, [low, high], axis) => {
      const n = y.shape[axis];
      const part = (from: number, to: number): Value => {
        const start = y.shape.map((_, i) => (i === axis ? from : 0));
        const limit = y.shape.map((d, i) => (i === axis ? to : d));
        return hlo.reverse(hlo.slice(y, start, limit), [axis]);
      };
      const parts = [y];
      if (low > 0) parts.unshift(part(skip, skip + low));
      if (high > 0) parts.push(part(n - skip - high, n - skip));
      return hlo.concatenate(parts, axis);
    }, x);
  },
  MOVE,
);

/** Repeats the tensor `reps[i]` times along axis i: a broadcast to [reps₀, d₀, reps₁, d₁, …]. */
define<{ reps: number[] }>(
  'Tile',
  ({ x }, { reps }) => {
    if (x.shape.every((d, i) => d === 1 || reps[i] === 1))
      return hlo.broadcastTo(
        x,
        x.shape.map((d, i) => d * reps[i]),
      );
    const shape = x.shape.flatMap((d, i) => [reps[i], d]);
    const dims = x.shape.map((_, i) => 2 * i + 1);
    return hlo.reshape(
      hlo.broadcastInDim(x, shape, dims),
      x.shape.map((d, i) => d * reps[i]),
    );
  },
  MOVE,
);

define<{ shape: number[] }>('BroadcastTo', ({ x }, { shape }) => hlo.broadcastTo(x, shape), MOVE);

define<{ dims: number | number[] }>(
  'Reverse',
  ({ x }, { dims }) => hlo.reverse(x, util.parseAxisParam(dims, [...x.shape])),
  MOVE,
);

// ---------------------------------------------------------------- blocks

interface BlockAttrs {
  blockShape: number[];
}

define<BlockAttrs & { crops: number[][] }>(
  'BatchToSpaceND',
  ({ x }, { blockShape, crops }) => {
    const shape = [...x.shape];
    const product = blockShape.reduce((a, b) => a * b, 1);
    const permuted = backend_util.getPermuted(
      backend_util.getReshaped(shape, blockShape, product).length,
      blockShape.length,
    );
    const spread = hlo.transpose(
      hlo.reshape(x, backend_util.getReshaped(shape, blockShape, product)),
      permuted,
    );
    const merged = hlo.reshape(spread, backend_util.getReshapedPermuted(shape, blockShape, product));
    const crop = (axis: number, side: 0 | 1): number => crops[axis - 1]?.[side] ?? 0;
    return hlo.slice(
      merged,
      merged.shape.map((_, axis) => crop(axis, 0)),
      merged.shape.map((d, axis) => d - crop(axis, 1)),
    );
  },
  MOVE,
);

define<BlockAttrs & { paddings: [number, number][] }>(
  'SpaceToBatchND',
  ({ x }, { blockShape, paddings }) => {
    const product = blockShape.reduce((a, b) => a * b, 1);
    const full: [number, number][] = [[0, 0], ...paddings];
    while (full.length < x.rank) full.push([0, 0]);
    const padded = hlo.pad(
      x,
      hlo.scalar(0, x.dtype),
      full.map(p => p[0]),
      full.map(p => p[1]),
    );
    const shape = [...padded.shape];
    const spread = backend_util.getReshaped(shape, blockShape, product, false);
    const perm = backend_util.getPermuted(spread.length, blockShape.length, false);
    const flat = backend_util.getReshapedPermuted(shape, blockShape, product, false);
    return hlo.reshape(hlo.transpose(hlo.reshape(padded, spread), perm), flat);
  },
  MOVE,
);

define<{ blockSize: number; dataFormat: 'NHWC' | 'NCHW' }>(
  'DepthToSpace',
  ({ x }, { blockSize: k, dataFormat }) => {
    if (dataFormat === 'NCHW') {
      const [b, c, h, w] = x.shape;
      const spread = hlo.transpose(hlo.reshape(x, [b, k, k, c / (k * k), h, w]), [0, 3, 4, 1, 5, 2]);
      return hlo.reshape(spread, [b, c / (k * k), h * k, w * k]);
    }
    const [b, h, w, c] = x.shape;
    const spread = hlo.transpose(hlo.reshape(x, [b, h, w, k, k, c / (k * k)]), [0, 1, 3, 2, 4, 5]);
    return hlo.reshape(spread, [b, h * k, w * k, c / (k * k)]);
  },
  MOVE,
);

// ---------------------------------------------------------------- from nothing

/** Registers a kernel without inputs; strings go to the host. */
function source<A>(name: string, make: (attrs: A, backend: XlaBackend) => Value): void {
  kernelNames.push(name);
  registerKernel({
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ attrs, backend }) => {
      const xla = backend as XlaBackend;
      xla.beforeKernel();
      const { dtype, shape, value } = attrs as unknown as {
        dtype?: DataType;
        shape: number[];
        value: string;
      };
      if (dtype === 'string') {
        const encoded = util.encodeString(value);
        const strings = new Array<Uint8Array>(util.sizeFromShape(shape)).fill(encoded);
        return { dataId: xla.write(strings, shape, 'string'), shape, dtype };
      }
      const made = make(attrs as unknown as A, xla);
      return xla.makeTensorInfo(made, dtype ?? (made.dtype === 's32' ? 'int32' : 'float32'));
    },
  });
}

/** Outside of jit the number is an input: a loop over numbers compiles once. */
source<{ shape: number[]; value: number; dtype?: DataType }>('Fill', ({ shape, value, dtype }, backend) => {
  const type = { dtype: STORAGE[dtype ?? 'float32']!, shape };
  if (backend.tracing || type.dtype === 'c64') return hlo.fill(value, type);
  return hlo.broadcastTo(backend.fromHost([value], [], type.dtype), shape);
});

/** The lengths are those of TensorFlow.js: a step that leads away from `stop` gives nothing, the step 1 turns round. */
source<{ start: number; stop: number; step: number; dtype?: DataType }>('Range', a => {
  const { start, stop, step, dtype = 'float32' } = a;
  const away = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
  const count = away ? 0 : Math.abs(Math.ceil((stop - start) / step));
  const type = { dtype: STORAGE[dtype]!, shape: [count] };
  const round = dtype === 'int32' ? Math.trunc : (x: number): number => x;
  return progression(type, round(start), stop < start && step === 1 ? -1 : round(step));
});

function progression(type: hlo.TensorType, start: number, step: number): Value {
  if (type.shape[0] === 0) return hlo.constant([], type);
  const i = hlo.iota(type, 0);
  return hlo.add(hlo.mul(i, hlo.fill(step, type)), hlo.fill(start, type));
}

source<{ start: number; stop: number; num: number }>('LinSpace', ({ start, stop, num }) => {
  const step = num > 1 ? (stop - start) / (num - 1) : 0;
  return progression({ dtype: 'f32', shape: [num] }, start, step);
});

define('Diag', ({ x }) => {
  const n = x.size;
  const flat = hlo.reshape(x, [n]);
  const type: hlo.TensorType = { dtype: 's32', shape: [n, n] };
  const diagonal = hlo.compare(hlo.iota(type, 0), hlo.iota(type, 1), 'EQ');
  const full = hlo.select(
    diagonal,
    hlo.broadcastInDim(flat, [n, n], [0]),
    hlo.fill(0, { dtype: x.dtype, shape: [n, n] }),
  );
  return hlo.reshape(full, [...x.shape, ...x.shape]);
});
