/** Epilogues of the fused kernels: bias, then activation. */
import { XlaError } from '../errors';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { broadcast, like } from './broadcast';
import { type Inputs } from './define';

export interface ActivationAttrs {
  activation?: string;
  leakyreluAlpha?: number;
}

/** `activation(y + bias)` as `_FusedMatMul`, `FusedConv2D` and `FusedDepthwiseConv2D` have it. */
export function epilogue(y: Value, inputs: Inputs, attrs: ActivationAttrs, channelAxis = y.rank - 1): Value {
  const { bias, preluActivationWeights } = inputs;
  const byChannel = (v: Value): Value =>
    v.rank === 1 && channelAxis !== y.rank - 1 ? hlo.broadcastInDim(v, y.shape, [channelAxis]) : v;
  const z = bias ? hlo.add(...broadcast(y, byChannel(bias))) : y;
  switch (attrs.activation ?? 'linear') {
    case 'linear':
      return z;
    case 'relu':
      return hlo.max(z, like(z, 0));
    case 'relu6':
      return hlo.min(hlo.max(z, like(z, 0)), like(z, 6));
    case 'elu':
      return hlo.select(hlo.compare(z, like(z, 0), 'GE'), z, hlo.expm1(z));
    case 'sigmoid':
      return hlo.logistic(z);
    case 'leakyrelu':
      return hlo.select(
        hlo.compare(z, like(z, 0), 'LT'),
        hlo.mul(z, like(z, attrs.leakyreluAlpha ?? 0.2)),
        z,
      );
    case 'prelu': {
      const [, alpha] = broadcast(z, byChannel(preluActivationWeights));
      return hlo.select(hlo.compare(z, like(z, 0), 'LT'), hlo.mul(z, alpha), z);
    }
    default:
      throw new XlaError(`Activation ${attrs.activation} is not known to the xla backend.`);
  }
}
