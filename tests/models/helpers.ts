import type * as tf from '@tensorflow/tfjs';

/** Trainable scalars of a model, counted from its variables. */
export function parameterCount(model: tf.LayersModel): number {
  return model.trainableWeights.reduce((sum, weight) => sum + size(weight.shape), 0);
}

export function size(shape: readonly (number | null)[]): number {
  return shape.reduce<number>((product, n) => product * n!, 1);
}
