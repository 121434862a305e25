/** What `train` can be told, and what it tells in return. */
import { UserError } from '../errors';
import { type Split } from '../data';
import { requireWhole } from '../models/options';
import { type PrecisionPolicy } from '../xla/kernels/precision';
import { type SgdOptions } from './sgd';
import { checkSchedule, DEFAULT_SCHEDULE, type Schedule, totalSteps } from './schedule';

/** Options of `train`. Without any: the recipe of He et al. 2016, section 4.2, for 64k steps. */
export interface TrainOptions extends Partial<SgdOptions> {
  /** Default: the seed's (see DEFAULT_SCHEDULE). It also says how many steps the run has. */
  schedule?: Schedule;
  /** Ends the run earlier than the schedule does; the rates stay those of the whole schedule. */
  stopAfter?: number;
  /** Images a step. Default 128. */
  batchSize?: number;
  /** Share of the target given to all classes alike (Szegedy et al. 2016, section 7). Default 0. */
  labelSmoothing?: number;
  /** Flip and crop at random (He et al. 2016, section 4.2). Default true. */
  augment?: boolean;
  /**
   * Keep an exponential moving average of the weights with this decay; it is what is validated, and what the model holds in the
   * end. Default: none.
   */
  ema?: number;
  /**
   * Keep the mean of the weights at the ends of the schedule's parts (a 'sequence'); it is what is validated after the last step, and
   * what the model holds in the end (stochastic weight averaging). Default false.
   */
  swa?: boolean;
  /** In what convolutions and matrix products compute (back end xla only; see PrecisionPolicy). Default 'float32'. */
  precision?: PrecisionPolicy;
  /** Devices that share each batch; with the same losses as one (back end xla only, see docs/plugins.md). Default 1. */
  devices?: number;
  /**
   * Steps that are one program of the device, a loop there (back end xla; others take them one by one). It saves calls where a
   * step takes less time than its call: small models on a GPU. Where a log point or a validation is nearer, single steps are taken.
   * Default 1.
   */
  stepsPerCall?: number;
  /** Fixes order, augmentation and dropout. Default 0. */
  seed?: number;
  /** What is validated on. Default: the test set. */
  validation?: Split;
  /** Steps between two validations; 0: only at the end. Default 2000. */
  validationInterval?: number;
  /** Steps between two calls of `onProgress` and two points of the logs. Default 200. */
  logInterval?: number;
  /** Folder for TensorBoard's event files. Default: none are written. */
  logDir?: string;
  /** Text shown in TensorBoard beside the run, as Markdown. */
  description?: string;
  /** Where and how often the state of the run is saved. Default: never. */
  checkpoint?: CheckpointOptions;
  /** Ends the run after the step under way: the weights are kept, a checkpoint is saved, `interrupted` is true. */
  signal?: AbortSignal;
  onProgress?(progress: Progress): void;
  onValidation?(validation: Validation): void;
  /** Things the person should know: a log that can't be written, a checkpoint that was skipped. Default: console.warn. */
  onWarning?(message: string): void;
}

export interface CheckpointOptions {
  /**
   * Folder for checkpoint.safetensors (and the one before it), best.safetensors (the weights of the best validation) and
   * final.safetensors.
   */
  folder: string;
  /** Steps between two checkpoints. Default: none by step. */
  everySteps?: number;
  /** Seconds between two checkpoints. Default 120. */
  everySeconds?: number;
  /** Go on from the checkpoint in the folder if there is one. Default true. */
  resume?: boolean;
}

/** Seconds between two checkpoints unless the options say otherwise. */
export const CHECKPOINT_SECONDS = 120;

/** Every precision that a run can be trained in. */
export const PRECISIONS: readonly PrecisionPolicy[] = ['float32', 'tensorfloat32', 'mixed_bfloat16'];

/** How a run stands, means since the last report. */
export interface Progress {
  /** Steps done. */
  step: number;
  steps: number;
  /** Epochs done, as a fraction. */
  epoch: number;
  epochs: number;
  learningRate: number;
  /** Classification loss and regularization loss together. */
  loss: number;
  classificationLoss: number;
  /** λ/2 · Σ w² of the weights as they are now. */
  regularizationLoss: number;
  /** Percent of the training images (augmented) that were misclassified. */
  error: number;
  imagesPerSecond: number;
  /** Seconds of training so far, those before a resumption included. */
  seconds: number;
  secondsLeft: number;
}

/** One point of the validation curve. */
export interface Validation {
  /** Steps done. */
  step: number;
  /** Percent misclassified. */
  error: number;
  /** Mean cross-entropy. */
  loss: number;
}

/** What a run ended with. */
export interface TrainResult {
  /** Steps done in all. */
  step: number;
  steps: number;
  interrupted: boolean;
  /** Validation with the final weights; undefined when the run was interrupted. */
  final?: Validation;
  /** The lowest error of `curve`. Chosen by the validation set itself: not a fair result if that is the test set. */
  best?: Validation;
  /** Every validation of the run. */
  curve: Validation[];
  /** Means over each log interval. */
  trainCurve: Pick<Progress, 'step' | 'loss' | 'error'>[];
  /** When the run began, ISO 8601; a resumed run began when its first part did. */
  startedAt: string;
  /** Seconds of training, compilation and validation included, over all its parts. */
  seconds: number;
  /** Seconds until the first step's program was compiled and had run, in this part of the run. */
  startSeconds: number;
  /** Images a second over the training steps of this part of the run, without the first step and validations. */
  imagesPerSecond: number;
}

type Defaulted =
  | 'schedule'
  | 'batchSize'
  | 'momentum'
  | 'nesterov'
  | 'weightDecay'
  | 'decayed'
  | 'labelSmoothing'
  | 'augment'
  | 'precision'
  | 'stepsPerCall'
  | 'seed'
  | 'validationInterval'
  | 'logInterval'
  | 'onWarning';

/** Options with the defaults filled in. */
export type FullOptions = TrainOptions & Required<Pick<TrainOptions, Defaulted>> & { steps: number };

/**
 * Fills in the defaults.
 * @throws UserError naming the option that makes no sense.
 */
export function fillOptions(options: TrainOptions): FullOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const full = {
    schedule: DEFAULT_SCHEDULE,
    batchSize: 128,
    momentum: 0.9,
    nesterov: false,
    weightDecay: 1e-4,
    decayed: 'kernels' as const,
    labelSmoothing: 0,
    augment: true,
    precision: 'float32' as const,
    stepsPerCall: 1,
    seed: 0,
    validationInterval: 2000,
    logInterval: 200,
    onWarning: (message: string) => console.warn(message),
    ...(given as TrainOptions),
  };
  checkSchedule(full.schedule);
  requireWhole('batchSize', full.batchSize, 1);
  requireWhole('logInterval', full.logInterval, 1);
  requireWhole('validationInterval', full.validationInterval, 0);
  requireWhole('stepsPerCall', full.stepsPerCall, 1);
  requireWhole('seed', full.seed, 0);
  if (full.devices !== undefined) checkDevices(full.devices, full.batchSize);
  if (!PRECISIONS.includes(full.precision))
    throw new UserError(`precision is '${full.precision}'; give one of ${PRECISIONS.join(', ')}.`);
  if (full.checkpoint) checkCheckpoint(full.checkpoint);
  requireRange('momentum', full.momentum, 0, 1);
  requireRange('labelSmoothing', full.labelSmoothing, 0, 1);
  requireRange('weightDecay', full.weightDecay, 0, Infinity);
  if (full.ema !== undefined) requireRange('ema', full.ema, 0, 1);
  if (full.swa && full.ema !== undefined) throw new UserError('swa and ema exclude each other: give one.');
  if (full.swa && full.schedule.type !== 'sequence')
    throw new UserError('swa averages over the parts of a schedule: give a list of schedules.');
  if (full.stopAfter !== undefined) requireWhole('stopAfter', full.stopAfter, 1);
  const steps = Math.min(totalSteps(full.schedule), full.stopAfter ?? Infinity);
  return { ...full, steps };
}

function checkDevices(devices: number, batchSize: number): void {
  requireWhole('devices', devices, 1);
  if (batchSize % devices !== 0)
    throw new UserError(`batchSize is ${batchSize}; give a multiple of devices, ${devices}.`);
}

function checkCheckpoint({ folder, everySteps, everySeconds }: CheckpointOptions): void {
  if (!folder) throw new UserError('checkpoint.folder is empty: name the folder that keeps the checkpoints.');
  if (everySteps !== undefined) requireWhole('checkpoint.everySteps', everySteps, 1);
  if (everySeconds !== undefined) requireRange('checkpoint.everySeconds', everySeconds, 0, Infinity);
}

function requireRange(name: string, value: number, least: number, below: number): void {
  if (!(value >= least && value < below))
    throw new UserError(
      `${name} is ${value}; give a number of at least ${least}${below < Infinity ? ` and below ${below}` : ''}.`,
    );
}
