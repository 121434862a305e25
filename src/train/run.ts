/** A run under way: its state, one step after another, and how the state is saved and taken up again. */
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import { type Cifar10 } from '../data';
import { modelWeights, type NamedArrays, saveWeights } from '../weights';
import { type Jit, jit } from '../xla/jit';
import { scan } from '../xla/scan';
import { type Checkpoint, CheckpointFolder, requireSameRun, type RunState } from './checkpoint';
import { Ema, Swa, type WeightAverage } from './average';
import { evaluate } from './evaluate';
import { EventLog } from './events';
import { CHECKPOINT_SECONDS, type FullOptions, type TrainResult, type Validation } from './options';
import { BatchOrder, stepSeed } from './order';
import { UserError } from '../errors';
import { cycleEnds, learningRateAt } from './schedule';
import { Sgd } from './sgd';
import { Feed, makeStep, stepSharding, Meter, type MeterState, type Step, variableOf } from './step';

/** Lets timers, signals and the page's messages through between two steps. */
const breathe = () => new Promise<void>(resolve => setImmediate(resolve));

const secondsSince = (time: number) => (performance.now() - time) / 1000;

function requireFinite(loss: number, step: number): void {
  if (!Number.isFinite(loss))
    throw new UserError(`The loss is ${loss} after step ${step}: lower the learning rate.`);
}

/** Options of layers that are no numbers of the training: names, and what only the first weights depend on. */
const NO_OPTION = /^(name|dtype|trainable|batchInputShape|sparse|seed|.*Initializer)$/;

/** A check sum of what the layers do, which the shapes of their weights don't tell: rates, epsilons, strides, paddings. */
function layersDigest(model: tf.LayersModel): string {
  const options = model.layers.map(layer => [
    layer.getClassName(),
    Object.entries(layer.getConfig()).filter(([name]) => !NO_OPTION.test(name)),
  ]);
  return createHash('sha256').update(JSON.stringify(options)).digest('hex').slice(0, 16);
}

/** A step's arguments after the images. */
type StepInputs = [rows: tf.Tensor1D, labels: tf.Tensor1D, seed: tf.Tensor1D, rate: tf.Scalar];

export class Run {
  private readonly sgd: Sgd;
  private readonly ema: Ema | undefined;
  private readonly swa: Swa | undefined;
  private readonly cycleEnds: readonly number[];
  private readonly step: Jit<Parameters<Step>, tf.Tensor1D>;
  /** `stepsPerCall` steps at once: rows, labels, seeds and rates with a leading axis of steps → reports `[steps, 2]`. */
  private readonly steps: Jit<StepInputs, tf.Tensor2D> | undefined;
  private readonly regularization = jit(() => this.sgd.regularizationLoss(), {
    ...{ name: 'regularization loss', onTrace: () => undefined },
  });
  private readonly feed: Feed;
  private readonly order: BatchOrder;
  private readonly meter = new Meter();
  private readonly folder: CheckpointFolder | undefined;
  /** Everything that a checkpoint holds, by the name it has there. */
  private readonly variables = new Map<string, tf.Variable>();
  private log: EventLog | undefined;

  private done = 0;
  private curve: Validation[] = [];
  private trainCurve: TrainResult['trainCurve'] = [];

  private startedAt = new Date().toISOString();
  private readonly begin = performance.now();
  /** Steps and seconds of the parts of the run before this one. */
  private before = { steps: 0, seconds: 0 };
  private startSeconds = 0;
  /** Which programs this part has called. */
  private readonly called = new Set<'one' | 'many'>();
  /** Steps of their first calls, in whose time they were compiled: not counted for images a second. */
  private uncounted = 0;
  /** Seconds of those calls, of what came before them, of validation and of saving. */
  private idle = 0;
  private saved = { step: -1, at: this.begin };

  constructor(
    private readonly model: tf.LayersModel,
    private readonly data: Cifar10,
    private readonly options: FullOptions,
  ) {
    if (options.checkpoint) this.folder = new CheckpointFolder(options.checkpoint.folder);
    const weights = modelWeights(model);
    const trainable = weights.filter(weight => weight.trainable);
    this.sgd = new Sgd(trainable, options);
    if (options.ema !== undefined) this.ema = new Ema(weights, options.ema);
    if (options.swa) this.swa = new Swa(weights);
    this.cycleEnds = options.swa ? cycleEnds(options.schedule) : [];
    const step = makeStep(model, trainable, this.sgd, this.ema, options);
    const sharding = stepSharding(options);
    this.step = jit(step, { name: `train ${model.name}`, sharding });
    this.feed = new Feed(data.train);
    const { resident } = this.feed;
    if (resident && options.stepsPerCall > 1 && !sharding) {
      const one = (...inputs: StepInputs): tf.Tensor => step(resident, ...inputs);
      const name = `train ${model.name}, ${options.stepsPerCall} steps`;
      this.steps = scan(one, { name }) as Jit<StepInputs, tf.Tensor2D>;
    }
    this.order = new BatchOrder(data.train.count, options.batchSize, options.seed);
    for (const weight of weights) this.variables.set(`weights/${weight.name}`, variableOf(weight));
    trainable.forEach(({ name }, i) => this.variables.set(`velocity/${name}`, this.sgd.velocities[i]));
    const average = this.ema ?? this.swa;
    if (!average) return;
    this.variables.set('averages', average.updates);
    weights.forEach(({ name }, i) => this.variables.set(`average/${name}`, average.averages[i]));
  }

  /**
   * Takes up the checkpoint in the folder, if there is one, and opens the log.
   * @throws UserError when it is of another run, or damaged
   */
  async open(): Promise<void> {
    const { checkpoint, onWarning } = this.options;
    const found = checkpoint?.resume === false ? undefined : this.folder?.load(onWarning);
    if (found) this.restore(found);
    this.log = await EventLog.open(this.options, this.data.train, this.done);
  }

  /** Takes the steps that are left, or those until `signal` is raised. */
  async toEnd(): Promise<TrainResult> {
    const { steps, logInterval, validationInterval, signal } = this.options;
    while (this.done < steps && !signal?.aborted) {
      await this.takeSteps();
      if (this.cycleEnds.includes(this.done)) this.swa!.update();
      if (this.done % logInterval === 0 || this.done === steps) await this.report();
      const due = validationInterval > 0 && this.done % validationInterval === 0;
      if (due && this.done < steps) await this.validate();
      if (this.saveIsDue()) await this.save();
      await breathe();
    }
    await this.meter.ready();
    const trainingSeconds = secondsSince(this.begin) - this.idle;
    const images = this.options.batchSize * this.countedSteps();
    const interrupted = this.done < steps;
    const final = interrupted ? undefined : await this.finish();
    if (interrupted) await this.save();
    return {
      ...{ step: this.done, steps, interrupted, final, best: this.best() },
      ...{ curve: this.curve, trainCurve: this.trainCurve },
      startedAt: this.startedAt,
      seconds: this.seconds(),
      startSeconds: this.startSeconds,
      imagesPerSecond: trainingSeconds > 0 ? images / trainingSeconds : 0,
    };
  }

  dispose(): void {
    this.log?.close();
    this.sgd.dispose();
    this.ema?.dispose();
    this.swa?.dispose();
    this.feed.dispose();
    this.meter.dispose();
  }

  /** One step, or `stepsPerCall` of them where nothing is to be done in between. */
  private async takeSteps(): Promise<void> {
    const { stepsPerCall, logInterval, validationInterval, steps } = this.options;
    const left = (interval: number) => interval - (this.done % interval);
    const cycleEnd = this.cycleEnds.find(end => end > this.done) ?? steps;
    const pause = Math.min(
      left(logInterval),
      left(validationInterval || steps),
      Math.min(cycleEnd, steps) - this.done,
    );
    const many = this.steps !== undefined && pause >= stepsPerCall;
    const take = () => (many ? this.takeMany(this.steps!, stepsPerCall) : this.takeOne());
    const which = many ? 'many' : 'one';
    if (this.called.has(which)) return take();
    await this.meter.ready();
    const [start, before] = [performance.now(), this.done];
    await take();
    await this.meter.ready();
    if (this.called.size > 0) this.idle += secondsSince(start);
    else this.idle = this.startSeconds = secondsSince(this.begin);
    this.uncounted += this.done - before;
    this.called.add(which);
  }

  /** Steps of this part whose time is that of training alone. */
  private countedSteps(): number {
    return Math.max(0, this.done - this.before.steps - this.uncounted);
  }

  private async takeOne(): Promise<void> {
    const { seed, schedule } = this.options;
    const indices = this.order.indices(this.done);
    const taken = this.feed.take(indices);
    const labels = tf.tensor1d(this.labels(indices), 'int32');
    const draw = tf.tensor1d(stepSeed(seed, this.done), 'int32');
    const rate = tf.scalar(learningRateAt(schedule, this.done));
    await this.meter.add(await this.step.launch(taken.images, taken.rows, labels, draw, rate));
    this.feed.release(taken);
    tf.dispose([labels, draw, rate]);
    this.done++;
  }

  private async takeMany(steps: Jit<StepInputs, tf.Tensor2D>, count: number): Promise<void> {
    const { seed, schedule, batchSize } = this.options;
    const which = Array.from({ length: count }, (_, i) => this.done + i);
    const indices = which.map(step => this.order.indices(step));
    const whole = (parts: Int32Array[]) => Int32Array.from(parts.flatMap(part => [...part]));
    const inputs = [
      tf.tensor2d(whole(indices), [count, batchSize], 'int32'),
      tf.tensor2d(whole(indices.map(each => this.labels(each))), [count, batchSize], 'int32'),
      tf.tensor2d(
        which.map(step => stepSeed(seed, step)),
        [count, 2],
        'int32',
      ),
      tf.tensor1d(which.map(step => learningRateAt(schedule, step))),
    ];
    await this.meter.add(await steps.launch(...(inputs as unknown as StepInputs)));
    tf.dispose(inputs);
    this.done += count;
  }

  private labels(indices: Int32Array): Int32Array {
    return indices.map(index => this.data.train.labels[index]);
  }

  private async report(): Promise<void> {
    const { done, options } = this;
    const [classificationLoss, wrong] = await this.meter.read();
    const regularizationLoss = await this.regularizationLoss();
    const loss = classificationLoss + regularizationLoss;
    requireFinite(loss, done);
    const counted = this.countedSteps();
    const pace =
      counted > 0 ? (secondsSince(this.begin) - this.idle) / counted : this.startSeconds / this.uncounted; // compiling included: the next report knows better
    this.trainCurve.push({ step: done, error: 100 * wrong, loss });
    const progress = {
      step: done,
      steps: options.steps,
      epoch: this.order.epochs(done),
      epochs: this.order.epochs(options.steps),
      learningRate: learningRateAt(options.schedule, done - 1),
      ...{ loss, classificationLoss, regularizationLoss },
      error: 100 * wrong,
      imagesPerSecond: options.batchSize / pace,
      seconds: this.seconds(),
      secondsLeft: pace * (options.steps - done),
    };
    this.log?.progress(progress);
    options.onProgress?.(progress);
  }

  /** Of the weights as they are now. */
  private async regularizationLoss(): Promise<number> {
    const loss = await this.regularization.async();
    const [value] = await loss.data();
    loss.dispose();
    return value;
  }

  private async validate(): Promise<Validation> {
    const start = performance.now();
    await this.requireFiniteLoss();
    const split = this.options.validation ?? this.data.test;
    const bestBefore = this.best()?.error ?? Infinity;
    const score = async (): Promise<Validation> => {
      const { error, loss } = await evaluate(this.model, split);
      if (error < bestBefore) await this.saveBest(error);
      return { step: this.done, error, loss };
    };
    const point = await (this.average()?.whileAveraged(score) ?? score());
    this.curve.push(point);
    this.log?.validation(point);
    this.options.onValidation?.(point);
    this.idle += secondsSince(start);
    return point;
  }

  /**
   * Validates and saves a run whose steps are all done; a run that was finished before is not validated again.
   * @throws UserError when the final weights can't be written
   */
  private async finish(): Promise<Validation> {
    const known = this.curve.find(point => point.step === this.done);
    const final = known ?? (await this.validate());
    if (this.saved.step !== this.done || !known) await this.save();
    this.average()?.apply();
    await this.saveFinal(final.error);
    return final;
  }

  /** What is validated and kept in place of the weights, if anything. */
  private average(): WeightAverage | undefined {
    return this.done === this.options.steps && this.averages(this.done) ? this.swa : this.ema;
  }

  /** Whether the mean over cycles has begun. */
  private averages(step: number): boolean {
    return this.cycleEnds.some(end => end <= step);
  }

  private best(): Validation | undefined {
    return this.curve.reduce<Validation | undefined>((a, b) => (!a || b.error < a.error ? b : a), undefined);
  }

  private seconds(): number {
    return this.before.seconds + secondsSince(this.begin);
  }

  private saveIsDue(): boolean {
    const { checkpoint, steps } = this.options;
    if (!checkpoint || this.done === steps) return false;
    const { everySteps, everySeconds = CHECKPOINT_SECONDS } = checkpoint;
    const saved = Math.max(this.saved.step, this.before.steps);
    const byStep =
      everySteps !== undefined && Math.floor(this.done / everySteps) > Math.floor(saved / everySteps);
    return byStep || secondsSince(this.saved.at) >= everySeconds;
  }

  /**
   * Looks at the loss before weights are kept that it has spoiled: the next report may be far, and a folder keeps two checkpoints.
   * @returns what the meter holds
   * @throws UserError when a loss since the last report was no number
   */
  private async requireFiniteLoss(): Promise<MeterState> {
    const state = await this.meter.state();
    requireFinite(state.sum[0], this.done);
    return state;
  }

  /**
   * Saves the state; a disk that is full costs the checkpoint, not the run.
   * @throws UserError when the state is not worth it: then the checkpoints before it stay
   */
  private async save(): Promise<void> {
    if (!this.folder) return;
    const start = performance.now();
    const { sum, count } = await this.requireFiniteLoss();
    const arrays: NamedArrays = new Map([['meter', { shape: [sum.length], data: sum }]]);
    for (const [name, variable] of this.variables) {
      const values = new Float32Array(await variable.data<'float32'>());
      if (!values.every(Number.isFinite))
        // spoiled by the last step, whose loss was still a number
        throw new UserError(`'${name}' is not finite after step ${this.done}: lower the learning rate.`);
      arrays.set(name, { shape: variable.shape, data: values });
    }
    const state: RunState = {
      ...{ step: this.done, startedAt: this.startedAt, seconds: this.seconds(), metered: count },
      ...{ curve: this.curve, trainCurve: this.trainCurve },
      settings: this.settings(this.done),
    };
    this.attempt('checkpoint', () => this.folder!.save({ state, arrays }));
    this.saved = { step: this.done, at: performance.now() };
    this.idle += secondsSince(start);
  }

  private restore({ state, arrays }: Checkpoint): void {
    const { folder } = this.folder!;
    requireSameRun(folder, state, this.settings(state.step));
    if (state.step > this.options.steps)
      throw new UserError(
        `The checkpoint in '${folder}' stands at step ${state.step}, and this run ends at ${this.options.steps}: give more steps, or another folder.`,
      );
    for (const [name, variable] of this.variables) {
      if (this.swa && name.startsWith('average') && !this.averages(state.step)) continue;
      const array = arrays.get(name);
      if (!array || !tf.util.arraysEqual([...array.shape], variable.shape))
        throw new UserError(
          `The checkpoint in '${folder}' does not fit the model '${this.model.name}': ${name}.`,
        );
      tf.tidy(() => variable.assign(tf.tensor(array.data, variable.shape)));
    }
    this.meter.restore({ sum: arrays.get('meter')!.data, count: state.metered });
    ({ step: this.done, startedAt: this.startedAt, curve: this.curve, trainCurve: this.trainCurve } = state);
    this.before = { steps: state.step, seconds: state.seconds };
    this.saved.step = state.step;
  }

  /** What makes this run this run: a checkpoint of one that differs is not gone on from. */
  private settings(step: number): Record<string, unknown> {
    const { schedule, batchSize, momentum, nesterov, weightDecay, decayed } = this.options;
    const { labelSmoothing, augment, ema, swa, seed, precision, logInterval } = this.options;
    return {
      ...{ model: this.model.name, layers: layersDigest(this.model) },
      ...{ images: this.data.train.count, schedule, batchSize, momentum, nesterov },
      ...{ weightDecay, decayed, labelSmoothing, augment, ema: ema ?? null, seed, precision, logInterval },
      ...(this.averages(step) ? { swa } : {}), // before, a run without it is the same
    };
  }

  /** A disk that is full costs the best weights on the way, not the run. */
  private async saveBest(error: number): Promise<void> {
    if (!this.folder) return;
    const { best } = this.folder;
    try {
      await this.saveWeights(best, error);
    } catch (problem) {
      this.options.onWarning(`'${best}' can't be written: ${(problem as Error).message}.`);
    }
  }

  /** The final weights are what the run is for: without them it is not finished. */
  private async saveFinal(error: number): Promise<void> {
    if (!this.folder) return;
    const { final } = this.folder;
    try {
      await this.saveWeights(final, error);
    } catch (problem) {
      throw new UserError(
        `'${final}', the final weights, can't be written (${(problem as Error).message}): make room on the disk and start the run again, which goes on from its checkpoint.`,
      );
    }
  }

  private async saveWeights(file: string, error: number): Promise<void> {
    const metadata = { step: String(this.done), error: String(error) };
    await saveWeights(this.model, file, { metadata });
  }

  private attempt(what: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      if (error instanceof UserError) throw error;
      this.options.onWarning(
        `The ${what} of step ${this.done} can't be written: ${(error as Error).message}. The run goes on; the last one stays.`,
      );
    }
  }
}
