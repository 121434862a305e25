/** Normalization. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { like } from './broadcast';
import { define } from './define';

/**
 * `scale · (x − mean) / √(variance + ε) + offset` (Ioffe & Szegedy 2015, algorithm 1), statistics given.
 */
define<{ varianceEpsilon: number }>('FusedBatchNorm', (inputs, { varianceEpsilon }) => {
  const { x, mean, variance, offset, scale } = inputs;
  const inverse = hlo.rsqrt(hlo.add(variance, like(variance, varianceEpsilon)));
  const a = scale ? hlo.mul(inverse, hlo.broadcastTo(scale, inverse.shape)) : inverse;
  const centred = hlo.sub(hlo.convert(x, 'f32'), hlo.broadcastTo(mean, x.shape));
  const y = hlo.mul(centred, hlo.broadcastTo(a, x.shape));
  const z: Value = offset ? hlo.add(y, hlo.broadcastTo(offset, x.shape)) : y;
  return hlo.convert(z, x.dtype);
});

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

define<LrnAttrs>('LRNGrad', ({ x, y, dy }, a) => {
  const base = lrnBase(x, a);
  const direct = hlo.mul(dy, hlo.pow(base, like(x, -a.beta)));
  const through = neighbours(hlo.div(hlo.mul(dy, y), base), a.depthRadius);
  return hlo.sub(direct, hlo.mul(hlo.mul(like(x, 2 * a.alpha * a.beta), x), through));
});
