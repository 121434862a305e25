/** Normalization. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { like } from './broadcast';
import { type Context, define } from './define';
import { nativeAffine, nativeChannelSums, sumsFit } from './native';

const f32 = (x: Value): Value => hlo.convert(x, 'f32');
/** All axes but the last. */
const rows = (x: Value): number[] => x.shape.slice(0, -1).map((_, i) => i);
/** Elements that each channel has. */
const rowCount = (x: Value): number => x.size / x.shape[x.rank - 1];
const rsqrtOf = (variance: Value, epsilon: number): Value =>
  hlo.rsqrt(hlo.add(variance, like(variance, epsilon)));

/** Whether our kernel computes what batch norm does with each element. XLA's loops are as fast for f32, and vectorize bf16 badly. */
const affineFits = (x: Value, { native }: Context): boolean =>
  x.dtype === 'bf16' && native.includes('bf16') && sumsFit(x);

/** Numbers of each channel, [channels] or with axes of one before; none where it is shaped otherwise. */
const byChannel = (v: Value, x: Value): Value[] =>
  v.size === x.shape[x.rank - 1] && v.shape[v.rank - 1] === v.size ? [hlo.reshape(f32(v), [v.size])] : [];

/**
 * `scale · (x − mean) / √(variance + ε) + offset` (Ioffe & Szegedy 2015, algorithm 1), statistics given.
 */
define<{ varianceEpsilon: number }>('FusedBatchNorm', (inputs, { varianceEpsilon }, context) => {
  const { x, mean, variance, offset, scale } = inputs;
  const inverse = rsqrtOf(variance, varianceEpsilon);
  const a = scale ? hlo.mul(inverse, hlo.broadcastTo(scale, inverse.shape)) : inverse;
  const [around, factor, after] = [mean, a, offset ?? like(mean, 0)].flatMap(v => byChannel(v, x));
  if (after && affineFits(x, context)) return nativeAffine(x, [around, factor, after]);
  const centred = hlo.sub(f32(x), hlo.broadcastTo(mean, x.shape));
  const y = hlo.mul(centred, hlo.broadcastTo(a, x.shape));
  const z: Value = offset ? hlo.add(y, hlo.broadcastTo(offset, x.shape)) : y;
  return hlo.convert(z, x.dtype);
});

/** Σ a and Σ a·b of each channel, the last axis, in f32. XLA's CPU compiler reads `a` once for each. */
function channelSums(a: Value, b: Value, { platform, native }: Context): readonly Value[] {
  const [wideA, wideB] = [f32(a), f32(b)];
  if (native.includes('f32') && sumsFit(a))
    return a.dtype === b.dtype && native.includes(a.dtype)
      ? nativeChannelSums(a, b)
      : nativeChannelSums(wideA, wideB);
  const terms = [wideA, hlo.mul(wideA, wideB)];
  if (platform === 'cpu') return terms.map(each => hlo.sum(each, rows(a)));
  // A GPU adds up in two launches. XLA would make the second one anew for each sum.
  const zeros = terms.map(each => hlo.scalar(0, each.dtype));
  return hlo.reduceMany(terms, zeros, rows(a), (sums, more) => sums.map((sum, i) => hlo.add(sum, more[i])));
}

/**
 * Batch norm by the batch's own statistics: y, mean, biased variance. The variance is E[x²] − E[x]², as in flax: both sums in one
 * reading of x. They are f32 also where x is bf16.
 */
define<{ epsilon: number }>('BatchNormTraining', ({ x, scale, offset }, { epsilon }, context) => {
  const [sum, squares] = channelSums(x, x, context);
  const mean = hlo.div(sum, like(scale, rowCount(x)));
  const square = hlo.div(squares, like(scale, rowCount(x)));
  const variance = hlo.max(hlo.sub(square, hlo.mul(mean, mean)), like(mean, 0));
  const a = hlo.mul(scale, rsqrtOf(variance, epsilon));
  if (affineFits(x, context)) return [nativeAffine(x, [mean, a, offset]), mean, variance];
  const centred = hlo.sub(f32(x), hlo.broadcastTo(mean, x.shape));
  const y = hlo.add(hlo.mul(centred, hlo.broadcastTo(a, x.shape)), hlo.broadcastTo(offset, x.shape));
  return [hlo.convert(y, x.dtype), mean, variance];
});

/**
 * Its gradients dx, dscale, doffset. With x̂ = (x − mean)·r and r = 1/√(variance + ε): doffset = Σ dy, dscale = Σ dy·x̂ and
 * dx = scale·r·(dy − doffset/n − x̂·dscale/n), computed as a·dy + b·x + c with a number of each a channel.
 */
define<{ epsilon: number }>(
  'BatchNormTrainingGrad',
  ({ dy, x, scale, mean, variance }, { epsilon }, context) => {
    const count = like(scale, rowCount(x));
    const r = rsqrtOf(variance, epsilon);
    const [doffset, products] = channelSums(dy, x, context);
    const dscale = hlo.mul(hlo.sub(products, hlo.mul(mean, doffset)), r);
    const a = hlo.mul(scale, r);
    const b = hlo.neg(hlo.div(hlo.mul(hlo.mul(a, r), dscale), count));
    const c = hlo.neg(hlo.add(hlo.div(hlo.mul(a, doffset), count), hlo.mul(b, mean)));
    if (affineFits(x, context) && dy.dtype === x.dtype)
      return [nativeAffine(dy, [like(a, 0), a, c, b], x), dscale, doffset];
    const each = (v: Value): Value => hlo.broadcastTo(v, x.shape);
    const dx = hlo.add(hlo.add(hlo.mul(each(a), f32(dy)), hlo.mul(each(b), f32(x))), each(c));
    return [hlo.convert(dx, x.dtype), dscale, doffset];
  },
);

interface LrnAttrs {
  depthRadius: number;
  bias: number;
  alpha: number;
  beta: number;
}

/** Sum over the 2r + 1 neighbouring channels. */
function neighbours(x: Value, radius: number): Value {
  return hlo.reduceWindow(
    x,
    hlo.scalar(0, x.dtype),
    { size: [1, 1, 1, 2 * radius + 1], strides: [1, 1, 1, 1], padding: [[0, 0], [0, 0], [0, 0], [radius, radius]] }, // prettier-ignore
    hlo.add,
  );
}

const lrnBase = (x: Value, a: LrnAttrs): Value =>
  hlo.add(hlo.mul(neighbours(hlo.mul(x, x), a.depthRadius), like(x, a.alpha)), like(x, a.bias));

define<LrnAttrs>('LRN', ({ x }, a) => hlo.mul(x, hlo.pow(lrnBase(x, a), like(x, -a.beta))));

define<LrnAttrs>('LRNGrad', (inputs, a) => {
  const [x, y, dy] = [inputs.x, inputs.y, inputs.dy].map(f32);
  const base = lrnBase(x, a);
  const direct = hlo.mul(dy, hlo.pow(base, like(x, -a.beta)));
  const through = neighbours(hlo.div(hlo.mul(dy, y), base), a.depthRadius);
  return hlo.sub(direct, hlo.mul(hlo.mul(like(x, 2 * a.alpha * a.beta), x), through));
});
