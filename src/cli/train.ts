import { Command, Option } from 'commander';
import { type BackendName } from '../backends';
import { loadCifar10 } from '../data';
import { duration } from '../duration';
import { findModel } from '../models';
import { train, type TrainResult } from '../train';
import { type TrainOptions } from '../train/options';
import { type Preset, presetExperiment, PRESETS } from '../train/presets';
import { splitData } from '../train/runExperiment';
import { untilInterrupted } from './interrupt';
import { positive, whole } from './numbers';
import {
  backendOption,
  dataOption,
  devicesOption,
  jsonOption,
  modelName,
  precisionOption,
  requireModel,
  startBackend,
} from './options';
import { reporter } from './progress';

interface Options {
  model: string;
  preset: Preset;
  seed?: number;
  stopAfter?: number;
  precision?: TrainOptions['precision'];
  devices?: number;
  checkpoints?: string;
  checkpointMinutes?: number;
  logdir?: string;
  data?: string;
  backend?: BackendName;
  json?: boolean;
}

/** `cifar train` */
export function trainCommand(): Command {
  return requireModel(new Command('train'))
    .description('Train one model by a recipe and score it on the test set.')
    .addOption(
      new Option('--preset <name>', 'laptop: two epochs; the others: the recipe in experiments/')
        .choices(PRESETS)
        .default('laptop'),
    )
    .option('--seed <n>', 'fixes initial weights, order and augmentation', whole(0))
    .option('--stop-after <steps>', 'end the run earlier than the recipe does', whole(1))
    .addOption(precisionOption())
    .option('--checkpoints <folder>', 'save the run here, and go on from what is saved here')
    .option('--checkpoint-minutes <minutes>', 'time between two checkpoints (default: 2)', positive)
    .option('--logdir <folder>', "write TensorBoard's event files here")
    .addOption(devicesOption())
    .addOption(dataOption())
    .addOption(backendOption())
    .addOption(jsonOption())
    .action(trainModel);
}

async function trainModel(options: Options): Promise<void> {
  const { name } = findModel(modelName(options.model));
  const experiment = presetExperiment(name, options.preset);
  const data = await loadCifar10({ folder: options.data });
  const { device } = await startBackend(options.backend);
  const parts = splitData(data, experiment.holdout);
  const given = withoutUndefined({
    ...{ seed: options.seed, stopAfter: options.stopAfter },
    ...{ precision: options.precision, devices: options.devices },
  });
  const { checkpoints: folder, checkpointMinutes } = options;
  const everySeconds = checkpointMinutes === undefined ? undefined : checkpointMinutes * 60;
  const report = reporter();
  const model = experiment.build(options.seed);
  const result = await untilInterrupted(signal =>
    train(model, parts.data, {
      ...experiment.options,
      ...given,
      validation: parts.validation,
      logDir: options.logdir,
      checkpoint: folder === undefined ? undefined : { folder, everySeconds },
      signal,
      onProgress: report.onProgress,
      onValidation: report.onValidation,
      onWarning: report.onWarning,
    }),
  ).finally(() => report.stop());
  if (options.json) console.log(JSON.stringify({ model: name, preset: options.preset, device, ...result }));
  else console.log(describe(name, result, experiment.holdout > 0 ? 'validation' : 'test', folder));
  if (result.interrupted) process.exitCode = 130;
}

/** @param split what `final` and `best` were measured on */
function describe(
  name: string,
  { final, best, step, steps, seconds }: TrainResult,
  split: 'test' | 'validation',
  folder?: string,
): string {
  if (!final) {
    const kept =
      folder === undefined ? 'nothing was saved (--checkpoints FOLDER does)' : `the same command goes on`;
    return `${name}: stopped at step ${step} of ${steps}; ${kept}`;
  }
  return (
    `${name}: ${split} error ${final.error.toFixed(2)} % after ${step} steps in ${duration(seconds)}` +
    (best && best.step !== final.step
      ? ` (best on ${split} ${best.error.toFixed(2)} % at step ${best.step})`
      : '')
  );
}

function withoutUndefined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}
