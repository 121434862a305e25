/** Experiment files: what is trained and how, as YAML; the schema of the Python project that this one re-creates, and more. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import {
  type Alias,
  type Document,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  parseAllDocuments,
  visit,
} from 'yaml';
import { type z } from 'zod';
import { UserError } from '../errors';
import { type CreateOptions, createModel, findModel, fromSeed } from '../models';
import { didYouMean } from '../similar';
import {
  type ExperimentFile,
  experimentSchema,
  knownKeys,
  ownModelParameters,
  type ScheduleFile,
} from './experimentSchema';
import { fillOptions, type TrainOptions } from './options';
import { checkSchedule, type Schedule, type SimpleSchedule } from './schedule';

/** Training images in CIFAR-10. */
const IMAGES = 50_000;

/** One run, read and checked. */
export interface Experiment {
  /** The file's `run_name`: names the run's folders and its record. */
  readonly name: string;
  readonly file: string;
  /** Name in the registry, e.g. 'resnet20_v1'. */
  readonly model: string;
  /** Whose recipe it is. */
  readonly recipe: 'paper' | 'seed' | 'short' | 'modern' | undefined;
  readonly description: string | undefined;
  /** Training images kept back for validation (He et al. 2016 keep 5,000); 0: validated on the test set. */
  readonly holdout: number;
  readonly skipErrorTest: boolean;
  /** For `train`; without callbacks and checkpoints. */
  readonly options: TrainOptions & { schedule: Schedule; seed: number };
  /** The document as it stands in the file, but for a seed given in place of its own. */
  readonly config: unknown;
  /** Builds the model, its initial weights fixed by the seed (the experiment's unless another is given). */
  build(seed?: number): tf.LayersModel;
}

/**
 * Reads every document of an experiment file.
 * @param seed in place of the file's; then '-seedN' is added to the run's name, so that runs of several seeds stand side by side
 * @throws UserError naming file, line and field of whatever is wrong in it.
 */
export function readExperiments(file: string, seed?: number): Experiment[] {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`The experiment file '${file}' can't be read: ${(error as Error).message}.`);
  }
  const experiments = parseExperiments(text, file, seed);
  if (experiments.length === 0) throw new UserError(`The experiment file '${file}' holds no experiment.`);
  return experiments;
}

/** As `readExperiments`, from text; `file` is for errors and records. */
export function parseExperiments(text: string, file: string, seed?: number): Experiment[] {
  const lines = new LineCounter();
  // Merge keys (<<) are no part of YAML 1.2, but of what PyYAML reads.
  const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const experiments: Experiment[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const place: Place = at => {
      const offset = typeof at === 'number' ? at : offsetOf(document, at);
      return `${file}:${lines.linePos(offset).line}`;
    };
    const problem = document.errors[0];
    if (problem) throw new UserError(`${place(problem.pos[0])}: ${problem.message}`);
    if (document.contents === null) continue;
    const experiment = toExperiment(valuesOf(document, place), file, place, seed);
    if (experiments.some(({ name }) => name === experiment.name)) {
      const where = place(['train_parameters', 'run_name']);
      throw new UserError(`${where}: run_name '${experiment.name}' was given above; each run needs its own.`);
    }
    experiments.push(experiment);
  }
  return experiments;
}

/** 'FILE:LINE' of a field, or of an offset in the text. */
type Place = (at: readonly PropertyKey[] | number) => string;

/**
 * A document as plain values, aliases and merge keys resolved.
 * @throws UserError when it is empty, or they can't be resolved
 */
function valuesOf(document: Document.Parsed, place: Place): unknown {
  if (isScalar(document.contents) && document.contents.value === null)
    throw new UserError(
      `${place(document.range[0])}: an empty document: write an experiment below the ---, or take the --- away.`,
    );
  const { aliases, merges } = references(document);
  const lost = aliases.find(alias => !alias.resolve(document));
  if (lost)
    throw new UserError(
      `${place(offsetIn(lost))}: the alias *${lost.source} repeats nothing: put the anchor &${lost.source} above it, in the same document.`,
    );
  try {
    return document.toJS();
  } catch (error) {
    if (error instanceof ReferenceError)
      throw new UserError(`${place(offsetIn(aliases[0]))}: aliases repeat too much: write it out, or less.`);
    throw new UserError(
      `${place(offsetIn(merges[0]))}: << takes a mapping or an alias of one (${(error as Error).message}).`,
    );
  }
}

/** What stands for something else, in the order of the text. */
function references(document: Document): { aliases: Alias[]; merges: Node[] } {
  const aliases: Alias[] = [];
  const merges: Node[] = [];
  visit(document, {
    Alias: (_key, alias) => void aliases.push(alias),
    Scalar: (role, scalar) => void (role === 'key' && scalar.source === '<<' && merges.push(scalar)),
  });
  return { aliases, merges };
}

const offsetIn = (node: Node | undefined): number => node?.range?.[0] ?? 0;

/** Where the value, or its key, stands in the text; for what is missing, the nearest thing that is there. */
function offsetOf(document: Document, at: readonly PropertyKey[]): number {
  for (let depth = at.length; depth > 0; depth--) {
    const parent = document.getIn(at.slice(0, depth - 1), true);
    const key = at[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(
        ({ key: each }) => String((each as Node).toJSON?.() ?? each) === String(key),
      );
      const range = (pair?.key as Node | undefined)?.range;
      if (range) return range[0];
    }
    const node = document.getIn(at.slice(0, depth), true) as Node | undefined;
    if (node?.range) return node.range[0];
  }
  return (document.contents as Node).range?.[0] ?? 0;
}

function toExperiment(config: unknown, file: string, place: Place, seed?: number): Experiment {
  const document = checked(experimentSchema, config, place);
  if (document.module === 'models')
    checked(ownModelParameters, document.model_parameters ?? {}, place, ['model_parameters']);
  const { train_parameters: own } = document;
  if (seed !== undefined && seed !== (own.seed ?? 0))
    return toExperiment(withSeed(config as ExperimentFile, seed), file, place);
  try {
    return build(document, config, file);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${place(fieldOf(error.message, document))}: ${error.message}`);
  }
}

/** @param config as it stands in the file, so that a record of it differs from that of another seed in seed and name alone */
function withSeed(config: ExperimentFile, seed: number): ExperimentFile {
  const { train_parameters: own } = config;
  const run_name = `${own.run_name}-seed${seed}`;
  return { ...config, train_parameters: { ...own, seed, run_name } };
}

/**
 * The value that stands at `at` of a document, if it is as the schema has it.
 * @throws UserError naming file, line and field of whatever is wrong in it
 */
function checked<T>(schema: z.ZodType<T>, value: unknown, place: Place, at: readonly PropertyKey[] = []): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues
    .flatMap(issue => fieldsOf(issue, at))
    .map(field => `${place(field.at)}: ${field.at.join('.') || 'the document'}: ${field.message}`);
  throw new UserError(problems.join('; '));
}

type FieldIssues = z.core.$ZodIssue[];

interface FieldIssue {
  at: PropertyKey[];
  message: string;
}

function fieldsOf(issue: z.core.$ZodIssue, parent: readonly PropertyKey[] = []): FieldIssue[] {
  const at = [...parent, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(at);
    return issue.keys.map(key => ({
      at: [...at, key],
      message: `there is no such key${didYouMean(key, known)}`,
    }));
  }
  // Of the things that it may be, the one that it was meant as: of the right type, at least.
  const branches: FieldIssues[] = issue.code === 'invalid_union' ? issue.errors : [];
  const meant = branches.find(([first]) => first.code !== 'invalid_type' || first.path.length > 0);
  return meant ? meant.flatMap(each => fieldsOf(each, at)) : [{ at, message: issue.message }];
}

/** Which field a message of `fromSeed`, `fillOptions` or `checkSchedule` is about. */
function fieldOf(message: string, { train_parameters: given }: ExperimentFile): string[] {
  if (message.startsWith('Schedule: ')) {
    if (given.schedule) return ['train_parameters', 'schedule'];
    return ['train_parameters', message.startsWith('Schedule: values') ? 'lr_values' : 'lr_boundaries'];
  }
  const key = /^(?:model_parameters has no option '(\w+)'|model_parameters\.(\w+))/.exec(message);
  if (key) return ['model_parameters', key[1] ?? key[2]];
  const first = /^\w+/.exec(message)?.[0] ?? '';
  if (first === 'module' || first === 'model') return [first];
  const snake = first.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
  if (snake in given) return ['train_parameters', snake];
  return /shortcut|block|dropout|option/.test(message) ? ['model_parameters'] : ['model'];
}

function build(document: ExperimentFile, config: unknown, file: string): Experiment {
  const { train_parameters: given } = document;
  const found = findArchitecture(document);
  const holdout = given.holdout ?? 0;
  const batchSize = given.batch_size ?? 128;
  const options = {
    schedule: scheduleOf(document, (IMAGES - holdout) / batchSize),
    batchSize,
    nesterov: given.nesterov ?? false,
    momentum: given.momentum ?? 0.9,
    // Keras adds l2 · Σw² to the loss, whose gradient is 2 · l2 · w: the papers' weight decay is twice the number.
    weightDecay: given.weight_decay ?? 2 * found.l2,
    decayed: given.decayed ?? ('kernels' as const),
    labelSmoothing: given.label_smoothing ?? 0,
    augment: given.augment ?? true,
    ema: given.ema,
    swa: given.swa,
    precision: given.precision ?? ('float32' as const),
    seed: given.seed ?? 0,
    logInterval: given.log_interval ?? 200,
    validationInterval: given.val_interval ?? 2000,
    logDir: path.join(given.logdir, given.run_name),
    description: document.description,
  };
  checkSchedule(options.schedule);
  fillOptions(options);
  return {
    name: given.run_name,
    file,
    model: found.name,
    recipe: document.recipe,
    description: document.description,
    holdout,
    skipErrorTest: document.skip_error_test ?? false,
    options,
    config,
    build: (seed = options.seed) => createModel(found.name, { ...found.options, seed }),
  };
}

/** The model by the Python project's name, or, with module 'models', by the registry's. */
function findArchitecture(document: ExperimentFile): { name: string; options: CreateOptions; l2: number } {
  const { module, model, model_parameters: parameters, train_parameters: given } = document;
  if (module !== 'models') {
    if (given.weight_decay !== undefined && parameters && 'l2_reg' in parameters) {
      throw new UserError(
        'weightDecay and model_parameters.l2_reg say the same (weight_decay is twice l2_reg): give one.',
      );
    }
    const { name, options } = fromSeed(module, model, parameters ?? {});
    const { l2 = 0, ...others } = options; // the trainer's weight decay does what the regularizer would
    return { name, options: others, l2 };
  }
  if (given.weight_decay === undefined)
    throw new UserError(`model '${model}' by its own name has no default weight decay: give weight_decay.`);
  const options = ownModelParameters.parse(parameters ?? {}); // checked before, where its place is known
  return { name: findModel(model).name, options, l2: 0 };
}

/** @param perEpoch steps an epoch */
function scheduleOf({ train_parameters: given }: ExperimentFile, perEpoch: number): Schedule {
  const { lr_values: values, lr_boundaries: boundaries, schedule } = given;
  if (!schedule) {
    return {
      type: 'piecewise',
      values: values ?? [0.01, 0.1, 0.01, 0.001],
      boundaries: boundaries ?? [400, 32000, 48000, 64000],
    };
  }
  if (values ?? boundaries)
    throw new UserError('Schedule: schedule and lr_values with lr_boundaries exclude each other: give one.');
  if (!Array.isArray(schedule)) return oneScheduleOf(schedule, perEpoch);
  return { type: 'sequence', parts: schedule.map(part => oneScheduleOf(part, perEpoch)) };
}

function oneScheduleOf(given: ScheduleFile, perEpoch: number): SimpleSchedule {
  const { epochs, steps = Math.round((epochs ?? 0) * perEpoch), ...shape } = given;
  if (shape.type === 'one_cycle') {
    const { rise_share: riseShare, start_divisor: startDivisor, tail_share: tailShare, ...others } = shape;
    return { ...others, steps, riseShare, startDivisor, tailShare };
  }
  const { warmup_epochs: warmupEpochs, warmup_steps: warmupSteps, ...others } = shape;
  return { ...others, steps, warmupSteps: warmupSteps ?? Math.round((warmupEpochs ?? 0) * perEpoch) };
}
