/** Exponential moving average of a model's weights (Polyak averaging as TensorFlow and timm have it). */
import * as tf from '@tensorflow/tfjs';
import { type ModelWeight } from '../weights/modelWeights';

/**
 * a ← d·a + (1 − d)·w after every step, for trainable weights and for batch norm's moving averages alike, as plain tensor
 * operations that are part of a compiled step.
 *
 * The n-th update uses d = min(decay, (1 + n) / (10 + n)), so that the average soon forgets the weights before training
 * (tf.train.ExponentialMovingAverage with num_updates).
 */
export class Ema {
  readonly averages: readonly tf.Variable[];
  /** Updates so far: a variable, because the decay depends on it inside the compiled step. Scalar. */
  readonly updates: tf.Variable;

  /**
   * @param weights all weights of the model, each [any shape]; their present values are the first average
   * @param decay in [0, 1)
   */
  constructor(
    private readonly weights: readonly ModelWeight[],
    private readonly decay: number,
  ) {
    this.averages = weights.map(({ variable }) =>
      tf.tidy(() => tf.variable(variable.read().add(0), false) as tf.Variable),
    );
    this.updates = tf.tidy(() => tf.variable(tf.scalar(0), false) as tf.Variable);
  }

  /** Takes in the weights as they are after a step. */
  update(): void {
    tf.tidy(() => {
      const rising = this.updates.add(1).div(this.updates.add(10));
      const decay = tf.minimum(rising, this.decay);
      this.averages.forEach((average, i) => {
        const value = this.weights[i].variable.read();
        average.assign(value.add(average.sub(value).mul(decay)));
      });
      this.updates.assign(this.updates.add(1));
    });
  }

  /** Calls `work` while the model holds the averages; whatever happens, the weights are then what they were. */
  async whileAveraged<T>(work: () => Promise<T>): Promise<T> {
    const kept = this.weights.map(({ variable }) => tf.keep(tf.tidy(() => variable.read().clone())));
    this.apply();
    try {
      return await work();
    } finally {
      this.weights.forEach(({ variable }, i) => variable.write(kept[i]));
      tf.dispose(kept);
    }
  }

  /** Gives the model the averages for good. */
  apply(): void {
    this.weights.forEach(({ variable }, i) => {
      tf.tidy(() => void variable.write(this.averages[i].clone()));
    });
  }

  dispose(): void {
    tf.dispose([...this.averages, this.updates]);
  }
}
