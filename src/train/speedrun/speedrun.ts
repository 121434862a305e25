/** 94 % on CIFAR-10 as fast as the device can, after "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (Jordan 2024, 2404.00498). */
import * as tf from '@tensorflow/tfjs';
import { type Cifar10 } from '../../data';
import { UserError } from '../../errors';
import { type AirbenchOptions } from '../../models/airbench';
import { type PrecisionPolicy } from '../../xla/kernels/precision';
import { jit } from '../../xla/jit';
import { type Progress } from '../options';
import { BatchOrder, stepSeed } from '../order';
import { withPrecision } from '../precision';
import { Examiner } from './evaluate';
import { AlternatingFlip } from './flip';
import { normalizeBytes, reflected } from './images';
import { type Batch, SpeedrunNetwork } from './network';
import { AIRBENCH94, lookaheadDecay, rateAt, type Recipe, speedrunSteps } from './recipe';
import { patchCovariance, whiteningKernel } from './whitening';

/** Images from which the whitening filters are computed. */
const WHITENED = 5000;

export interface SpeedrunOptions {
  /** Changes of the paper's recipe: `{ epochs: 1 }` shortens it. */
  recipe?: Partial<Recipe>;
  network?: AirbenchOptions;
  /** Default 'float32'; the paper trains in half precision. */
  precision?: PrecisionPolicy;
  seed?: number;
  /** Ends the run after the round under way; the network is examined as it is then. */
  signal?: AbortSignal;
  /**
   * After each averaging; waiting for the numbers costs time, so leave it out when time counts. The learning rate reported is the
   * recipe's, decoupled.
   */
  onRound?(progress: Progress): void;
}

export interface SpeedrunResult {
  recipe: Recipe;
  precision: PrecisionPolicy;
  seed: number;
  /** Steps taken. */
  steps: number;
  /** Seconds from the images on the device to the trained weights, whitening included. */
  trainSeconds: number;
  /** Seconds of the six views of every test image after that, which the paper's clock includes. */
  viewsSeconds: number;
  /** Seconds before all that in which the programs were compiled and run once. */
  compileSeconds: number;
  /** Percent of the test set misclassified, with test-time augmentation. */
  testError: number;
  /** The same, of the images as they are. */
  plainTestError: number;
  /** Mean loss and error (percent, on augmented images) of each round. */
  curve: { step: number; loss: number; error: number }[];
}

/**
 * Trains the paper's network by its recipe: whitened first layer, first filters that pass their input on, SGD with Lookahead,
 * label smoothing, crops, flips that alternate from epoch to epoch, six views at test time.
 *
 * The clock runs while it trains and while it is examined, not while programs are compiled: a first round is thrown away.
 * @throws UserError on another back end than xla, or when there are not images enough for a batch
 */
export async function speedrun(data: Cifar10, options: SpeedrunOptions = {}): Promise<SpeedrunResult> {
  if (tf.getBackend() !== 'xla')
    throw new UserError(
      `The speedrun needs back end xla, not ${tf.getBackend()}: see npm run -s cifar -- devices.`,
    );
  const { precision = 'float32', seed = 0 } = options;
  const recipe = { ...AIRBENCH94, ...options.recipe };
  const { count } = data.train;
  const { scheduled, taken: steps } = speedrunSteps(recipe, count);
  const padded = reflected(data.train, recipe.translate);
  const network = new SpeedrunNetwork(recipe, options.network);
  const feed = new BatchFeed(data, recipe, scheduled, seed);
  const examiner = new Examiner(network.model, data.test);
  const takeStep = jit((batch: Batch) => network.step(padded, batch), { name: 'speedrun' });
  const lookAhead = jit((decay: tf.Scalar) => network.lookAhead(decay), { name: 'lookahead' });
  const mean = jit((reports: tf.Tensor1D[]) => tf.stack(reports).mean(0) as tf.Tensor1D, { name: 'mean' });
  const covariance = jit((images: tf.Tensor4D) => {
    const { translate } = recipe;
    return patchCovariance(normalizeBytes(images.slice([0, translate, translate, 0], [-1, 32, 32, 3])));
  });

  const begin = async (): Promise<void> => {
    const first = tf.tidy(() => padded.slice([0, 0, 0, 0], [Math.min(WHITENED, count), -1, -1, -1]));
    const result = await covariance.async(first);
    network.initialize(seed, whiteningKernel(await result.data()));
    tf.dispose([first, result]);
  };
  // The calls return before the device is done: the host prepares the next batch meanwhile.
  const round = (from: number): tf.Tensor1D => {
    const reports: tf.Tensor1D[] = [];
    for (let step = from; step < from + recipe.lookaheadSteps; step++) {
      const batch = feed.batch(step);
      reports.push(takeStep(batch));
      tf.dispose(batch);
    }
    const decay = tf.scalar(lookaheadDecay(from + recipe.lookaheadSteps, scheduled));
    lookAhead(decay);
    const result = mean(reports);
    tf.dispose([decay, ...reports]);
    return result;
  };

  try {
    return await withPrecision(precision, async () => {
      const start = performance.now();
      await begin();
      const thrownAway = round(0);
      await thrownAway.data();
      thrownAway.dispose();
      await examiner.prepare();
      const compiled = performance.now();
      await begin();
      const reports: tf.Tensor1D[] = [];
      for (let step = 0; step < steps && !options.signal?.aborted; step += recipe.lookaheadSteps) {
        await new Promise(setImmediate); // lets an interrupt through
        const report = round(step);
        reports.push(report);
        if (options.onRound) {
          const [loss, wrong] = await report.data();
          const seconds = (performance.now() - compiled) / 1000;
          options.onRound(feed.progress(step + recipe.lookaheadSteps, steps, loss, wrong, seconds));
        }
      }
      await reports.at(-1)?.data(); // the device has done it all
      const trained = performance.now();
      const { byViews: testError, plain: plainTestError } = await examiner.errors();
      const examined = performance.now();
      const curve: SpeedrunResult['curve'] = [];
      for (const [i, report] of reports.entries()) {
        const [loss, wrong] = await report.data();
        curve.push({ step: (i + 1) * recipe.lookaheadSteps, loss, error: 100 * wrong });
      }
      tf.dispose(reports);
      const seconds = {
        trainSeconds: (trained - compiled) / 1000,
        viewsSeconds: (examined - trained) / 1000,
        compileSeconds: (compiled - start) / 1000,
      };
      return {
        ...{ recipe, precision, seed, steps: curve.length * recipe.lookaheadSteps },
        ...{ ...seconds, testError, plainTestError, curve },
      };
    });
  } finally {
    examiner.dispose();
    network.dispose();
    padded.dispose();
  }
}

/** What each step is fed, computed on the host. */
class BatchFeed {
  private readonly order: BatchOrder;
  private readonly mirrored: AlternatingFlip;

  constructor(
    private readonly data: Cifar10,
    private readonly recipe: Recipe,
    /** Over which the schedules reach. */
    private readonly scheduled: number,
    private readonly seed: number,
  ) {
    const { count } = data.train;
    this.order = new BatchOrder(count, recipe.batchSize, seed, { wholeBatches: true });
    this.mirrored = new AlternatingFlip(count, seed);
  }

  batch(step: number): Batch {
    const { labels } = this.data.train;
    const rows = this.order.indices(step);
    const epoch = Math.floor(this.order.epochs(step));
    return {
      rows: tf.tensor1d(rows, 'int32'),
      labels: tf.tensor1d(rows.map(row => labels[row]), 'int32'), // prettier-ignore
      flip: tf.tensor1d(Float32Array.from(rows, row => this.mirrored.at(row, epoch))),
      seed: tf.tensor1d(stepSeed(this.seed, step), 'int32'),
      rate: tf.scalar(rateAt(step, this.scheduled)),
      biasOn: tf.scalar(Number(epoch < this.recipe.whiteningBiasEpochs)),
    };
  }

  /** How the run stands after `step` steps. */
  progress(step: number, steps: number, loss: number, wrong: number, seconds: number): Progress {
    const { learningRate, batchSize } = this.recipe;
    return {
      step,
      steps,
      epoch: this.order.epochs(step),
      epochs: this.order.epochs(steps),
      learningRate: learningRate * rateAt(step - 1, this.scheduled),
      loss,
      classificationLoss: loss,
      regularizationLoss: 0,
      error: 100 * wrong,
      imagesPerSecond: (step * batchSize) / seconds,
      seconds,
      secondsLeft: (seconds / step) * (steps - step),
    };
  }
}
