import * as tf from '@tensorflow/tfjs';
import { fillNormal, hashString, sfc32 } from './random';

/** An initializer as tfjs layers take it. */
export type Initializer = ReturnType<typeof tf.initializers.heNormal>;

/**
 * He-normal weights: N(0, 2 / fanIn), fanIn = kernel height × width × input channels (He et al. 2015,
 * "Delving Deep into Rectifiers", eq. 10). The paper permits the fan-out as well, which the ResNets' and ResNeXt's Torch code takes.
 *
 * tfjs's own `heNormal` cuts the tails at two standard deviations and does not rescale, so that its weights have 0.88 of
 * the paper's deviation; it also takes ten times as long. This one draws the full normal. It is still tfjs's object
 * (only `apply` is ours) and is saved as tfjs's `VarianceScaling`, so a saved model loads where this file is unknown.
 *
 * @param seed the model's seed; undefined draws anew each time.
 * @param name the layer's name; together with the seed it fixes the draws.
 */
export function heNormal(seed: number | undefined, name: string): Initializer {
  const initializer = tf.initializers.heNormal({ seed });
  initializer.apply = shape => {
    const dims = shape as number[];
    const values = new Float32Array(dims.reduce((product, size) => product * size, 1));
    const fanIn = dims.slice(0, -1).reduce((product, size) => product * size, 1);
    const base = seed ?? Math.floor(Math.random() * 2 ** 48);
    const next = sfc32(base | 0, Math.floor(base / 2 ** 32) | 0, hashString(name), 1);
    fillNormal(values, Math.sqrt(2 / fanIn), next);
    return tf.tensor(values, dims, 'float32');
  };
  return initializer;
}
