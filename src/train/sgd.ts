/** Stochastic gradient descent with momentum as plain tensor operations, so that it is part of a compiled step. */
import * as tf from '@tensorflow/tfjs';
import { type ModelWeight } from '../weights/modelWeights';

export interface SgdOptions {
  /** Share of the velocity kept at each step. Default 0.9. */
  momentum?: number;
  /** Nesterov's momentum in the form of Sutskever et al. 2013, as the common frameworks have it. Default false. */
  nesterov?: boolean;
  /** λ of the papers: each decayed weight moves by −learningRate · λ · w. Keras's l2(x) is λ = 2x. */
  weightDecay: number;
  /** 'kernels': of convolution and dense layers; 'all': biases and batch norm's γ, β too. Default 'kernels'. */
  decayed?: 'kernels' | 'all';
}

/** Velocities of the weights and their update. */
export class Sgd {
  readonly velocities: readonly tf.Variable[];
  private readonly weights: readonly ModelWeight[];

  /** @param weights the trainable weights, each [any shape]. */
  constructor(
    weights: readonly ModelWeight[],
    private readonly options: SgdOptions,
  ) {
    this.weights = weights;
    this.velocities = weights.map(({ shape }) =>
      tf.tidy(() => tf.variable(tf.zeros([...shape]), false) as tf.Variable),
    );
  }

  /** Whether weight decay acts on this weight. */
  isDecayed(weight: ModelWeight): boolean {
    return this.options.weightDecay > 0 && (this.options.decayed === 'all' || weight.name.endsWith('kernel'));
  }

  /** λ/2 · Σ w² over the decayed weights: the loss whose gradient the decay is. Scalar. */
  regularizationLoss(): tf.Scalar {
    return tf.tidy(() => {
      let sum: tf.Scalar = tf.scalar(0);
      for (const weight of this.weights) {
        if (this.isDecayed(weight)) sum = sum.add(weight.variable.read().square().sum());
      }
      return sum.mul(this.options.weightDecay / 2);
    });
  }

  /**
   * v ← m·v + g + λ·w, then w ← w − lr·v (Nesterov: w ← w − lr·(g + λ·w + m·v)).
   * @param gradients of the classification loss, in the order of the weights.
   * @param learningRate scalar: a tensor, so that a change compiles nothing anew.
   */
  apply(gradients: readonly tf.Tensor[], learningRate: tf.Scalar): void {
    const { momentum = 0.9, nesterov = false, weightDecay } = this.options;
    tf.tidy(() => {
      this.weights.forEach((weight, i) => {
        const value = weight.variable.read();
        const gradient = this.isDecayed(weight) ? gradients[i].add(value.mul(weightDecay)) : gradients[i];
        const velocity = this.velocities[i].mul(momentum).add(gradient);
        const direction = nesterov ? velocity.mul(momentum).add(gradient) : velocity;
        this.velocities[i].assign(velocity);
        weight.variable.write(value.sub(direction.mul(learningRate)));
      });
    });
  }

  dispose(): void {
    this.velocities.forEach(velocity => velocity.dispose());
  }
}
