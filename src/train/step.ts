/** One training step as one function of tensors, compiled where the back end compiles; what feeds it and what it reports. */
import * as tf from '@tensorflow/tfjs';
import { augmentBatch, imageBytes, IMAGE_BYTES, normalize, type Split } from '../data';
import { UserError } from '../errors';
import { withDropoutSeed } from '../models';
import { type ModelWeight } from '../weights';
import { jit, ready } from '../xla/jit';
import { type Sharding } from '../xla/sharding';
import { uint8Tensor } from '../xla/uint8Tensor';
import { type Ema } from './average';
import { type FullOptions } from './options';
import { type Sgd } from './sgd';

/**
 * One step: images `[n, 32, 32, 3]` to gather from, rows `[batch]`, labels `[batch]`, seed `[2]`, learning rate.
 * Returns two scalars in one tensor: classification loss, share of errors. The regularization loss, which would read all weights once more at
 * every step, is computed where it is reported.
 */
export type Step = (
  images: tf.Tensor4D,
  rows: tf.Tensor1D,
  labels: tf.Tensor1D,
  seed: tf.Tensor1D,
  rate: tf.Scalar,
) => tf.Tensor1D;

/** tfjs-layers keeps a tfjs variable in `val`; gradients are taken with respect to it. */
export function variableOf(weight: ModelWeight): tf.Variable {
  return (weight.variable as unknown as { val: tf.Variable }).val;
}

/** Mean cross-entropy of logits `[batch, 10]` and targets `[batch, 10]`. */
function crossEntropy(targets: tf.Tensor2D, logits: tf.Tensor2D): tf.Scalar {
  return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)))).div(logits.shape[0]);
}

/** @param weights the trainable ones, in the order of `sgd` */
export function makeStep(
  model: tf.LayersModel,
  weights: readonly ModelWeight[],
  sgd: Sgd,
  ema: Ema | undefined,
  options: FullOptions,
): Step {
  const variables = weights.map(variableOf);
  return (images, rows, labels, seed, rate) =>
    withDropoutSeed(seed, () => {
      const batch = rows.shape[0];
      const input = options.augment
        ? augmentBatch(images, rows, seed)
        : normalize(tf.gather(images, rows) as tf.Tensor4D);
      const hard = tf.oneHot(labels, 10).toFloat() as tf.Tensor2D;
      const targets = hard.mul(1 - options.labelSmoothing).add(options.labelSmoothing / 10) as tf.Tensor2D;
      let logits: tf.Tensor2D | undefined;
      const loss = (): tf.Scalar => {
        logits = tf.keep(model.apply(input, { training: true }) as tf.Tensor2D);
        return crossEntropy(targets, logits);
      };
      const { value, grads } = tf.variableGrads(loss, variables);
      const wrong = tf.notEqual(logits!.argMax(1), labels).toFloat().sum().div(batch);
      const report = tf.stack([value, wrong]) as tf.Tensor1D;
      const gradients = variables.map(variable => grads[variable.name]);
      sgd.apply(gradients, rate);
      ema?.update();
      logits!.dispose();
      return report;
    });
}

/**
 * How a step lies on the devices: each has the weights and all images, and takes its share of the batch.
 * @throws UserError when the back end can't compute on several
 */
export function stepSharding({ devices = 1 }: FullOptions): Sharding | undefined {
  if (devices === 1) return undefined;
  if (tf.getBackend() !== 'xla')
    throw new UserError(`devices is ${devices}; back end ${tf.getBackend()} computes on one: use xla.`);
  return { devices, split: { 1: 0, 2: 0 } }; // rows and labels
}

/** Hands a step its images: rows of the data set on the device, or, where the back end holds no bytes, only the batch. */
export class Feed {
  /** The whole split on the device. */
  readonly resident: tf.Tensor4D | undefined;

  constructor(private readonly split: Split) {
    const onDevice = tf.getBackend() === 'xla';
    if (onDevice) this.resident = uint8Tensor(split.images, [split.count, 32, 32, 3]) as tf.Tensor4D;
  }

  /** Images to gather from, and their indices there, `[batch]`. */
  take(indices: Int32Array): { images: tf.Tensor4D; rows: tf.Tensor1D } {
    if (this.resident) return { images: this.resident, rows: tf.tensor1d(indices, 'int32') };
    const bytes = new Int32Array(indices.length * IMAGE_BYTES);
    indices.forEach((index, i) => bytes.set(imageBytes(this.split, index), i * IMAGE_BYTES));
    const images = tf.tensor4d(bytes, [indices.length, 32, 32, 3], 'int32');
    return { images, rows: tf.range(0, indices.length, 1, 'int32') as tf.Tensor1D };
  }

  /** Frees what `take` gave. */
  release({ images, rows }: { images: tf.Tensor4D; rows: tf.Tensor1D }): void {
    rows.dispose();
    if (images !== this.resident) images.dispose();
  }

  dispose(): void {
    this.resident?.dispose();
  }
}

/** Numbers that a step reports. */
const REPORTED = 2;

/** What a meter has summed up: part of a checkpoint, so that a resumed run reports what the unbroken one would. */
export interface MeterState {
  sum: Float32Array;
  count: number;
}

/** Sums what steps report until it is asked for, so that the device is not read at every step. */
export class Meter {
  private sum: tf.Tensor1D | undefined;
  private count = 0;
  /** One program for all steps: recorded kernel by kernel the sum would become a new, longer one now and then. */
  private readonly plus = jit(
    (sum: tf.Tensor1D, report: tf.Tensor1D | tf.Tensor2D) =>
      sum.add(report.rank === 1 ? report : report.sum(0)) as tf.Tensor1D,
    { name: 'add up reports', onTrace: () => undefined },
  );

  /**
   * Takes over the report of a step, `[2]`, or of several, `[steps, 2]`. Resolves when the steps before are computed: so the device has this one to
   * compute while the host prepares the next.
   */
  async add(report: tf.Tensor1D | tf.Tensor2D): Promise<void> {
    const before: tf.Tensor1D = this.sum ?? tf.zeros([REPORTED]);
    this.sum = this.plus(before, report);
    this.count += report.rank === 1 ? 1 : report.shape[0];
    report.dispose();
    await ready(before);
    before.dispose();
  }

  /** Resolves when all steps are computed. */
  async ready(): Promise<void> {
    await ready(this.sum);
  }

  /** Means since the last call. */
  async read(): Promise<number[]> {
    const { sum, count } = await this.state();
    this.dispose();
    return Array.from(sum, value => value / count);
  }

  async state(): Promise<MeterState> {
    return {
      sum: this.sum ? await this.sum.data<'float32'>() : new Float32Array(REPORTED),
      count: this.count,
    };
  }

  /** Takes up what was summed up before; what another version summed up otherwise is left out. */
  restore({ sum, count }: MeterState): void {
    this.dispose();
    if (count === 0 || sum.length !== REPORTED) return;
    this.sum = tf.tensor1d(sum, 'float32');
    this.count = count;
  }

  dispose(): void {
    this.sum?.dispose();
    this.sum = undefined;
    this.count = 0;
  }
}
