import * as tf from '@tensorflow/tfjs';

interface Statistics {
  mean: tf.Tensor1D;
  variance: tf.Tensor1D;
}

/** Whether the back end has batch norm of training as a kernel of its own. */
const hasBatchNormKernel = (): boolean => tf.getKernel('BatchNormTraining', tf.getBackend()) !== undefined;

/**
 * Batch norm by the batch's own statistics (Ioffe & Szegedy 2015, algorithm 1), as one kernel forward and one backward, on back
 * ends that register BatchNormTraining ({x, scale, offset} → [y, mean, variance], attribute epsilon) and BatchNormTrainingGrad
 * ({dy, x, scale, mean, variance} → [dx, dscale, doffset]). tfjs's own gradient goes through its mean and variance step by
 * step, in more than twice as many passes over memory.
 *
 * @param x [batch, height, width, channels]
 * @param scale γ [channels]
 * @param offset β [channels]
 * @returns y, shaped like x; mean and (biased) variance over all axes but the last, [channels]: without gradients
 */
export function batchNormTraining(
  x: tf.Tensor4D,
  scale: tf.Tensor1D,
  offset: tf.Tensor1D,
  epsilon: number,
): Statistics & { y: tf.Tensor4D } {
  const engine = tf.engine();
  let statistics: Statistics | undefined;
  const normalize = tf.customGrad((...args) => {
    const [input, gamma, beta, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const [value, mean, variance] = engine.runKernel<tf.Tensor[]>(
      'BatchNormTraining',
      { x: input, scale: gamma, offset: beta },
      { epsilon },
    );
    save([input, gamma, mean, variance]);
    statistics = { mean: tf.keep(mean) as tf.Tensor1D, variance: tf.keep(variance) as tf.Tensor1D };
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [savedX, savedScale, savedMean, savedVariance] = saved;
      const inputs = { dy, x: savedX, scale: savedScale, mean: savedMean, variance: savedVariance };
      return engine.runKernel<tf.Tensor[]>('BatchNormTrainingGrad', inputs, { epsilon });
    };
    return { value, gradFunc };
  });
  const y = normalize(x, scale, offset) as tf.Tensor4D;
  return { y, ...statistics! };
}

/** What tfjs's layer keeps to itself. */
interface Internals {
  gamma?: tf.LayerVariable;
  beta?: tf.LayerVariable;
  movingMean: tf.LayerVariable;
  movingVariance: tf.LayerVariable;
  momentum: number;
  epsilon: number;
}

type LayerClass = new (args: Parameters<typeof tf.layers.batchNormalization>[0]) => tf.layers.Layer;

/** tfjs exports the layer's factory only. */
const BatchNormalization = tf.layers.batchNormalization({}).constructor as unknown as LayerClass;

/**
 * tfjs's batch normalization, same weights and name in files, trained by `batchNormTraining` where the back end can.
 * Shape in = shape out.
 */
export class BatchNorm extends BatchNormalization {
  static readonly className = 'BatchNormalization';

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor | tf.Tensor[] {
    const x = Array.isArray(inputs) ? inputs[0] : inputs;
    const { gamma, beta, movingMean, movingVariance, momentum, epsilon } = this as unknown as Internals;
    if (!kwargs.training || !gamma || !beta || x.rank !== 4 || !hasBatchNormKernel())
      return super.call(inputs, kwargs);
    return tf.tidy(() => {
      const { y, mean, variance } = batchNormTraining(
        x as tf.Tensor4D,
        gamma.read() as tf.Tensor1D,
        beta.read() as tf.Tensor1D,
        epsilon,
      );
      const follow = (average: tf.LayerVariable, value: tf.Tensor) => {
        const before = average.read();
        average.write(before.sub(before.sub(value).mul(1 - momentum)));
        value.dispose();
      };
      follow(movingMean, mean);
      follow(movingVariance, variance);
      return y;
    });
  }
}
