/** The network of a speedrun with its optimizer: SGD's step and Lookahead's averaging, each to be compiled as one program. */
import * as tf from '@tensorflow/tfjs';
import { airbench, airbenchInitial, type AirbenchOptions } from '../../models/airbench';
import { type ModelWeight, modelWeights } from '../../weights';
import { Sgd } from '../sgd';
import { variableOf } from '../step';
import { cropAndFlip } from './images';
import { type Recipe, sgdSettings } from './recipe';

/** What a step is fed; a type, not an interface, because jit's arguments are records. */
export type Batch = {
  /** `[batch]` which images. */
  rows: tf.Tensor1D;
  labels: tf.Tensor1D;
  /** 1 where the image is mirrored. */
  flip: tf.Tensor1D;
  /** `[2]` of the crops. */
  seed: tf.Tensor1D;
  /** What the learning rate is multiplied by. */
  rate: tf.Scalar;
  /** 1 while the whitening layer's bias learns, then 0. */
  biasOn: tf.Scalar;
};

export class SpeedrunNetwork {
  readonly model: tf.LayersModel;
  private readonly weights: readonly ModelWeight[];
  /** Lookahead's slow copy of every weight (Zhang et al. 2019). */
  private readonly slow: readonly tf.Variable[];
  private readonly groups: readonly {
    weights: ModelWeight[];
    sgd: Sgd;
    scale: (biasOn: tf.Scalar) => tf.Scalar;
  }[];

  constructor(
    private readonly recipe: Recipe,
    options: AirbenchOptions = {},
  ) {
    this.model = airbench(options);
    this.weights = modelWeights(this.model);
    this.slow = this.weights.map(({ shape }) =>
      tf.tidy(() => tf.variable(tf.zeros([...shape]), false) as tf.Variable),
    );
    const { decay, biasDecay } = sgdSettings(recipe);
    const group = (
      test: (name: string) => boolean,
      weightDecay: number,
      scale: (biasOn: tf.Scalar) => tf.Scalar,
    ) => {
      const weights = this.weights.filter(({ name, trainable }) => trainable && test(name));
      const { momentum } = recipe;
      return {
        weights,
        scale,
        sgd: new Sgd(weights, { momentum, nesterov: true, weightDecay, decayed: 'all' }),
      };
    };
    this.groups = [
      group(
        name => name.endsWith('/beta'),
        biasDecay,
        () => tf.scalar(recipe.biasScale),
      ),
      group(
        name => name === 'whitening/bias',
        decay,
        biasOn => biasOn,
      ),
      group(
        name => /kernel$/.test(name) && name !== 'whitening/kernel',
        decay,
        () => tf.scalar(1),
      ),
    ];
  }

  /** Begins anew. @param whitening `[2, 2, 3, 24]` */
  initialize(seed: number, whitening: Float32Array): void {
    tf.tidy(() => {
      this.weights.forEach((weight, i) => {
        const values =
          weight.name === 'whitening/kernel' ? whitening : airbenchInitial(weight.name, weight.shape, seed);
        const value = tf.tensor(values, [...weight.shape]);
        weight.variable.write(value);
        this.slow[i].assign(value);
      });
      for (const { sgd } of this.groups)
        sgd.velocities.forEach(velocity => velocity.assign(tf.zeros(velocity.shape)));
    });
  }

  /**
   * One step of SGD on the sum of the batch's losses.
   * @param padded images as `reflected` gives them
   * @returns mean loss and share of errors, `[2]`
   */
  step(padded: tf.Tensor4D, { rows, labels, flip, seed, rate, biasOn }: Batch): tf.Tensor1D {
    const images = cropAndFlip(padded, rows, flip, seed);
    const { labelSmoothing, batchSize } = this.recipe;
    const targets = tf.oneHot(labels, 10).toFloat().mul(1 - labelSmoothing).add(labelSmoothing / 10); // prettier-ignore
    const variables = this.groups.flatMap(({ weights }) => weights.map(variableOf));
    let logits: tf.Tensor2D | undefined;
    const { value, grads } = tf.variableGrads(() => {
      logits = tf.keep(this.model.apply(images, { training: true }) as tf.Tensor2D);
      return tf.neg(tf.sum(targets.mul(tf.logSoftmax(logits)))) as tf.Scalar;
    }, variables);
    const wrong = tf.notEqual(logits!.argMax(1), labels).toFloat().mean();
    logits!.dispose();
    const { rate: base } = sgdSettings(this.recipe);
    for (const { weights, sgd, scale } of this.groups) {
      const gradients = weights.map(weight => grads[variableOf(weight).name]);
      sgd.apply(gradients, rate.mul(base).mul(scale(biasOn)));
    }
    return tf.stack([value.div(batchSize), wrong]) as tf.Tensor1D;
  }

  /** slow ← decay · slow + (1 − decay) · fast, and both go on from there. */
  lookAhead(decay: tf.Scalar): void {
    this.weights.forEach(({ variable }, i) => {
      const fast = variable.read();
      const next = fast.add(this.slow[i].sub(fast).mul(decay));
      this.slow[i].assign(next);
      variable.write(next);
    });
  }

  dispose(): void {
    this.groups.forEach(({ sgd }) => sgd.dispose());
    tf.dispose(this.slow as tf.Variable[]);
    this.model.dispose();
  }
}
