/** Averages of a model's weights along its training: what is validated and kept in place of the last weights. */
import * as tf from '@tensorflow/tfjs';
import { type ModelWeight } from '../weights/modelWeights';

/** An average of all weights of a model, trainable ones and batch norm's moving averages alike. */
export class WeightAverage {
  readonly averages: readonly tf.Variable[];
  /** Updates so far: a variable, because a compiled step may depend on it. Scalar. */
  readonly updates: tf.Variable;

  /** @param weights each [any shape]; their present values are the first average */
  constructor(protected readonly weights: readonly ModelWeight[]) {
    this.averages = weights.map(({ variable }) =>
      tf.tidy(() => tf.variable(variable.read().add(0), false) as tf.Variable),
    );
    this.updates = tf.tidy(() => tf.variable(tf.scalar(0), false) as tf.Variable);
  }

  /** a ← w + keep·(a − w) */
  protected follow(keep: tf.Scalar): void {
    this.averages.forEach((average, i) => {
      const value = this.weights[i].variable.read();
      average.assign(value.add(average.sub(value).mul(keep)));
    });
    this.updates.assign(this.updates.add(1));
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

/**
 * Exponential moving average (Polyak averaging as TensorFlow and timm have it): a ← d·a + (1 − d)·w after every step, as plain
 * tensor operations that are part of a compiled step.
 *
 * The n-th update uses d = min(decay, (1 + n) / (10 + n)), so that the average soon forgets the weights before training
 * (tf.train.ExponentialMovingAverage with num_updates).
 */
export class Ema extends WeightAverage {
  /** @param decay in [0, 1) */
  constructor(
    weights: readonly ModelWeight[],
    private readonly decay: number,
  ) {
    super(weights);
  }

  /** Takes in the weights as they are after a step. */
  update(): void {
    tf.tidy(() => {
      const rising = this.updates.add(1).div(this.updates.add(10));
      this.follow(tf.minimum(rising, this.decay));
    });
  }
}

/**
 * Stochastic weight averaging (Izmailov et al. 2018, algorithm 1): the mean of the weights at the ends of the learning rate's
 * cycles. Batch norm's moving averages are averaged like the weights, not computed anew.
 */
export class Swa extends WeightAverage {
  /** Takes in the weights as they are at the end of a cycle. */
  update(): void {
    tf.tidy(() => this.follow(this.updates.div(this.updates.add(1))));
  }
}
