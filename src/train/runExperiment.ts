/** One experiment from its file to its record: trained, resumed or skipped, as things stand. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { requireWritable } from '../atomicFile';
import { type SelectedBackend } from '../backends';
import { canonicalJson } from '../canonicalJson';
import { type Cifar10, MEAN, STD, subset } from '../data';
import { UserError } from '../errors';
import { summarize } from '../models';
import { projectRoot } from '../projectRoot';
import { loadWeights } from '../weights';
import { evaluate } from './evaluate';
import { type Experiment } from './experiment';
import { type CheckpointOptions, type TrainOptions, type TrainResult } from './options';
import { currentCommit, readRecord, type RunRecord, writeRecord } from './record';
import { learningRateAt } from './schedule';
import { timeLimit } from './timeLimit';
import { train } from './train';
import { withPrecision } from './precision';

/** Where a run's files go, and who is told. */
export interface RunExperimentOptions extends Pick<
  TrainOptions,
  'onProgress' | 'onValidation' | 'onWarning'
> {
  data: Cifar10;
  /**
   * As the experiment builds it: is trained in place, and holds the weights in the end, also of a run that was finished before. Default: a model
   * that is disposed.
   */
  model?: tf.LayersModel;
  backend: SelectedBackend;
  /** Folder of the checkpoints; each run has its own in it. Default 'records/checkpoints' in the project. */
  checkpoints?: string;
  /** Folder of the records. Default 'records' in the project. */
  records?: string;
  /** Seconds between two checkpoints. Default: that of `train`. */
  everySeconds?: number;
  /** Breaks the run off, to be resumed, when raised. */
  signal?: AbortSignal;
  /** Breaks the run off after so many minutes. */
  minutes?: number;
  /** In place of the experiment's; the record says so. */
  precision?: TrainOptions['precision'];
  /** Steps that are one program of the device; see TrainOptions. */
  stepsPerCall?: number;
  /** Devices that share each batch; see TrainOptions. */
  devices?: number;
}

/** How it went. */
export type RunOutcome =
  | { status: 'finished' | 'skipped'; record: RunRecord; result?: TrainResult }
  | { status: 'interrupted'; result: TrainResult };

/** The folders that runs use unless told otherwise. */
const RECORDS = path.join(projectRoot(), 'records');
const CHECKPOINTS = path.join(RECORDS, 'checkpoints');

/** Whether the run is finished. */
export const hasRecord = (
  { name }: Experiment,
  { records = RECORDS }: Pick<RunExperimentOptions, 'records'>,
): boolean => readRecord(records, name) !== undefined;

/**
 * Trains an experiment to its end and writes its record. A run that has its record is skipped; one that was broken off goes on
 * from its checkpoint.
 *
 * @throws UserError when the record or the checkpoint that is there is of another configuration, when `model` is to have weights that aren't there,
 * or when record or final weights can't be written: then the run is not finished, and goes on from its checkpoint
 */
export async function runExperiment(
  experiment: Experiment,
  options: RunExperimentOptions,
): Promise<RunOutcome> {
  const { data, records = RECORDS } = options;
  const known = readRecord(records, experiment.name);
  const folder = path.join(options.checkpoints ?? CHECKPOINTS, experiment.name);
  if (known) {
    requireSameConfig(experiment, known, records);
    if (options.model) loadFinal(options.model, folder, experiment.name);
    return { status: 'skipped', record: known };
  }
  requireWritable(records, 'records');
  const commit = currentCommit();
  const parts = splitData(data, experiment.holdout);
  const precision = options.precision ?? experiment.options.precision ?? 'float32';
  const checkpoint: CheckpointOptions = { folder, everySeconds: options.everySeconds };
  const timeout = options.minutes === undefined ? [] : [timeLimit(options.minutes)];
  const signal = AbortSignal.any([...timeout, ...(options.signal ? [options.signal] : [])]);
  const model = options.model ?? experiment.build();
  try {
    const { onProgress, onValidation, onWarning } = options;
    const callbacks = { onProgress, onValidation, onWarning };
    const result = await train(model, parts.data, {
      ...experiment.options,
      ...callbacks,
      ...{ stepsPerCall: options.stepsPerCall, devices: options.devices },
      ...{ precision, validation: parts.validation, checkpoint, signal },
    });
    if (!result.final) return { status: 'interrupted', result };
    const finalTestError = parts.validation
      ? (await withPrecision(precision, () => evaluate(model, data.test))).error
      : result.final.error;
    const outcome = { result, finalTestError, parameters: summarize(model).parameters, commit };
    const record = await toRecord(experiment, options.backend, precision, outcome);
    writeRecord(records, record);
    return { status: 'finished', record, result };
  } finally {
    if (!options.model) model.dispose();
  }
}

/** The weights that a finished run ended with. */
function loadFinal(model: tf.LayersModel, folder: string, name: string): void {
  const final = path.join(folder, 'final.safetensors');
  if (!fs.existsSync(final))
    throw new UserError(
      `${name} is finished, as its record tells, but its weights, '${final}', are not here: train it with another seed, or score shipped ones.`,
    );
  loadWeights(model, final);
}

/** The last `holdout` training images for validation (He et al. 2016, section 4.2: 45k/5k), or everything as it is. */
export function splitData(data: Cifar10, holdout: number): { data: Cifar10; validation?: Cifar10['test'] } {
  if (holdout === 0) return { data };
  const kept = data.train.count - holdout;
  const indices = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  return {
    data: { ...data, train: subset(data.train, indices(0, kept)) },
    validation: subset(data.train, indices(kept, data.train.count)),
  };
}

function requireSameConfig({ name, config }: Experiment, record: RunRecord, folder: string): void {
  if (canonicalJson(config) === canonicalJson(record.config)) return;
  throw new UserError(
    `'${path.join(folder, `${name}.json`)}' is the record of another configuration: give the run another run_name, or move the record away.`,
  );
}

async function loadedPlugin(backend: SelectedBackend): Promise<string | undefined> {
  if (backend.name !== 'xla') return undefined;
  const { useXla } = await import('../xla');
  return (await useXla()).plugin.name;
}

/** What a record is made of besides the experiment. */
interface Outcome {
  result: TrainResult;
  finalTestError: number;
  parameters: number;
  /** Of the code when the training began. */
  commit: string;
}

async function toRecord(
  experiment: Experiment,
  backend: SelectedBackend,
  precision: string,
  { result, finalTestError, parameters, commit }: Outcome,
): Promise<RunRecord> {
  const { options, holdout } = experiment;
  const { schedule, batchSize = 128, seed } = options;
  const steps = new Map<number, RunRecord['curve'][number]>();
  const at = (step: number) => {
    const point = steps.get(step) ?? { step, learningRate: round(learningRateAt(schedule, step - 1)) };
    steps.set(step, point);
    return point;
  };
  for (const { step, error, loss } of result.trainCurve)
    Object.assign(at(step), { trainError: round(error), loss: round(loss) });
  for (const { step, error } of result.curve) at(step).testError = round(error);
  const last = result.trainCurve[result.trainCurve.length - 1];
  return {
    name: experiment.name,
    model: experiment.model,
    parameters,
    recipe: experiment.recipe,
    experiment: path.relative(projectRoot(), path.resolve(experiment.file)).split(path.sep).join('/'),
    config: experiment.config,
    commit,
    backend: backend.name,
    device: backend.device,
    plugin: await loadedPlugin(backend),
    precision,
    steps: result.steps,
    epochs: round((result.steps * batchSize) / (50_000 - holdout)),
    seed,
    startedAt: result.startedAt,
    finishedAt: new Date().toISOString(),
    seconds: Math.round(result.seconds),
    imagesPerSecond: Math.round(result.imagesPerSecond),
    finalTestError: round(finalTestError),
    bestTestError: holdout > 0 ? undefined : round(result.best!.error),
    trainError: round(last?.error ?? NaN),
    validatedOn: holdout > 0 ? 'held-out training images' : 'test set',
    normalization: { mean: MEAN, std: STD },
    curve: [...steps.values()].sort((a, b) => a.step - b.step),
  };
}

/** Six figures: enough for plots, and the same text whatever the machine's last bit. */
const round = (value: number): number => Number(value.toPrecision(6));
