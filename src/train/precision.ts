import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { precisionPolicy, type PrecisionPolicy, setPrecisionPolicy } from '../xla/kernels/precision';

/**
 * Does `work` with the engine computing in this precision, then sets the one before it again.
 * @throws UserError when the back end knows no other than float32
 */
export async function withPrecision<T>(precision: PrecisionPolicy, work: () => Promise<T>): Promise<T> {
  if (precision !== 'float32' && tf.getBackend() !== 'xla')
    throw new UserError(`precision ${precision} needs back end xla; ${tf.getBackend()} computes in float32.`);
  const before = precisionPolicy();
  setPrecisionPolicy(precision);
  try {
    return await work();
  } finally {
    setPrecisionPolicy(before);
  }
}
