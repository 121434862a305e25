/** The training loop: one step is one function of tensors, compiled where the back end compiles. */
import * as tf from '@tensorflow/tfjs';
import { augmentBatch, normalize, imageBytes, IMAGE_BYTES, type Cifar10, type Split } from '../data';
import { UserError } from '../errors';
import { withDropoutSeed } from '../models';
import { modelWeights, type ModelWeight } from '../weights';
import { jit } from '../xla/jit';
import { uint8Tensor } from '../xla/uint8Tensor';
import { evaluate } from './evaluate';
import {
  fillOptions,
  type FullOptions,
  type Progress,
  type TrainOptions,
  type TrainResult,
  type Validation,
} from './options';
import { BatchOrder, stepSeed } from './order';
import { learningRateAt } from './schedule';
import { Sgd } from './sgd';

/** Lets timers, signals and the page's messages through between two steps. */
const breathe = () => new Promise<void>(resolve => setImmediate(resolve));

/** Hands a step its images: rows of the data set on the device, or, where the back end holds no bytes, only the batch. */
class Feed {
  private readonly resident: tf.Tensor4D | undefined;

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

/** Mean cross-entropy of logits `[batch, 10]` and targets `[batch, 10]`. */
function crossEntropy(targets: tf.Tensor2D, logits: tf.Tensor2D): tf.Scalar {
  return tf.neg(tf.sum(tf.mul(targets, tf.logSoftmax(logits)))).div(logits.shape[0]);
}

/** What a step reports, three scalars in one tensor: classification loss, regularization loss, share of errors. */
type Step = (
  images: tf.Tensor4D,
  rows: tf.Tensor1D,
  labels: tf.Tensor1D,
  seed: tf.Tensor1D,
  rate: tf.Scalar,
) => tf.Tensor1D;

function makeStep(
  model: tf.LayersModel,
  weights: readonly ModelWeight[],
  sgd: Sgd,
  options: FullOptions,
): Step {
  // tfjs-layers keeps a tfjs variable in `val`; gradients are taken with respect to it.
  const variables = weights.map(weight => (weight.variable as unknown as { val: tf.Variable }).val);
  const names = variables.map(variable => variable.name);
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
      const report = tf.stack([value, sgd.regularizationLoss(), wrong]) as tf.Tensor1D;
      sgd.apply(names.map(name => grads[name]), rate); // prettier-ignore
      logits!.dispose();
      return report;
    });
}

/** Sums what steps report until it is asked for, so that the device is not read at every step. */
class Meter {
  private sum: tf.Tensor1D | undefined;
  private count = 0;

  add(report: tf.Tensor1D): void {
    const before = this.sum;
    this.sum = before ? tf.tidy(() => before.add(report) as tf.Tensor1D) : report;
    if (before) tf.dispose([before, report]);
    this.count++;
  }

  /** Means since the last call. */
  async read(): Promise<number[]> {
    const values = Array.from(await this.sum!.data(), value => value / this.count);
    this.sum!.dispose();
    this.sum = undefined;
    this.count = 0;
    return values;
  }
}

function refuseUnsupported(options: FullOptions, data: Cifar10): void {
  for (const name of ['ema', 'checkpoint', 'logDir'] as const) {
    if (options[name] !== undefined)
      throw new UserError(`train() does not take "${name}" yet: leave it out.`);
  }
  if (data.train.count < 1) throw new UserError('The training split is empty: give at least one image.');
}

/**
 * Trains a model on CIFAR-10 in place, by SGD with momentum (He et al. 2016, section 4.2).
 *
 * @param model image `[batch, 32, 32, 3]` → logits `[batch, 10]`
 * @returns what the run ended with; when `signal` was raised, the weights as they then were are kept
 * @throws UserError for an option that makes no sense, or when the loss is no longer a number
 */
export async function train(
  model: tf.LayersModel,
  data: Cifar10,
  given: TrainOptions = {},
): Promise<TrainResult> {
  const options = fillOptions(given);
  refuseUnsupported(options, data);
  const { steps, batchSize, schedule, seed } = options;
  const weights = modelWeights(model).filter(weight => weight.trainable);
  const sgd = new Sgd(weights, options);
  const step = jit(makeStep(model, weights, sgd, options), { name: `train ${model.name}` });
  const feed = new Feed(data.train);
  const order = new BatchOrder(data.train.count, batchSize, seed);
  const meter = new Meter();
  const curve: Validation[] = [];
  const trainCurve: Pick<Progress, 'step' | 'loss' | 'error'>[] = [];
  const begin = performance.now();
  const secondsSince = (time: number) => (performance.now() - time) / 1000;
  let startSeconds = 0;
  let steady = begin; // since when images are counted: without the first step
  let idle = 0; // seconds of validation
  let done = 0;

  const report = async (): Promise<void> => {
    const [classificationLoss, regularizationLoss, wrong] = await meter.read();
    const loss = classificationLoss + regularizationLoss;
    if (!Number.isFinite(loss))
      throw new UserError(`The loss is ${loss} after step ${done}: lower the learning rate.`);
    const seconds = secondsSince(begin);
    const pace = (secondsSince(steady) - idle) / Math.max(1, done - 1);
    trainCurve.push({ step: done, loss, error: 100 * wrong });
    options.onProgress?.({
      step: done,
      steps,
      epoch: order.epochs(done),
      epochs: order.epochs(steps),
      learningRate: learningRateAt(schedule, done - 1),
      loss,
      classificationLoss,
      regularizationLoss,
      error: 100 * wrong,
      imagesPerSecond: batchSize / pace,
      seconds,
      secondsLeft: pace * (steps - done),
    });
  };
  const validate = async (): Promise<Validation> => {
    const start = performance.now();
    const { error, loss } = await evaluate(model, options.validation ?? data.test);
    idle += secondsSince(start);
    const point = { step: done, error, loss };
    curve.push(point);
    options.onValidation?.(point);
    return point;
  };

  try {
    while (done < steps && !options.signal?.aborted) {
      const indices = order.indices(done);
      const taken = feed.take(indices);
      const labels = tf.tensor1d(Array.from(indices, index => data.train.labels[index]), 'int32'); // prettier-ignore
      const draw = tf.tensor1d(stepSeed(seed, done), 'int32');
      const rate = tf.scalar(learningRateAt(schedule, done));
      meter.add(await step.async(taken.images, taken.rows, labels, draw, rate));
      feed.release(taken);
      tf.dispose([labels, draw, rate]);
      done++;
      if (done === 1) {
        startSeconds = secondsSince(begin);
        steady = performance.now();
      }
      if (done % options.logInterval === 0 || done === steps) await report();
      if (options.validationInterval > 0 && done % options.validationInterval === 0 && done < steps)
        await validate();
      await breathe();
    }
    const trainingSeconds = secondsSince(steady) - idle;
    const interrupted = done < steps;
    const final = interrupted ? undefined : await validate();
    const best = curve.reduce<Validation | undefined>((a, b) => (!a || b.error < a.error ? b : a), undefined);
    return {
      ...{ step: done, steps, interrupted, final, best, curve, trainCurve },
      seconds: secondsSince(begin),
      startSeconds,
      imagesPerSecond: trainingSeconds > 0 ? (batchSize * Math.max(0, done - 1)) / trainingSeconds : 0,
    };
  } finally {
    sgd.dispose();
    feed.dispose();
  }
}
