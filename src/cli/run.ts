import { Command, Option } from 'commander';
import { type BackendName } from '../backends';
import { loadCifar10 } from '../data';
import { duration } from '../duration';
import { readExperiments } from '../train';
import { PRECISIONS, type TrainOptions } from '../train/options';
import { type Ending, runExperiments } from '../train/runExperiments';
import { untilInterrupted } from './interrupt';
import { positive, whole } from './numbers';
import { backendOption, dataOption, devicesOption, jsonOption, startBackend } from './options';
import { reporter } from './progress';

interface Options {
  data?: string;
  backend?: BackendName;
  checkpoints?: string;
  records?: string;
  checkpointMinutes?: number;
  minutes?: number;
  seed?: number;
  precision?: TrainOptions['precision'];
  stepsPerCall?: number;
  devices?: number;
  json?: boolean;
}

const DESCRIPTION =
  'Train the experiments of YAML files, in order, after a short test of each. Safe to run again: finished ones are ' +
  'skipped, a broken-off one goes on from its checkpoint.';

/** `cifar run` */
export function runCommand(): Command {
  return new Command('run')
    .description(DESCRIPTION)
    .argument('<files...>', 'experiment files')
    .option('--checkpoints <folder>', 'where checkpoints are kept (default: records/checkpoints)')
    .option('--records <folder>', 'where the records of finished runs go (default: records)')
    .option('--checkpoint-minutes <minutes>', 'time between two checkpoints (default: 2)', positive)
    .option('--minutes <minutes>', 'stop, to be gone on with, after this time', positive)
    .option(
      '--seed <n>',
      "in place of the experiments'; the run is then called NAME-seedN, and the table gives mean and deviation",
      whole(0),
    )
    .addOption(new Option('--precision <name>', "in place of the experiments'").choices(PRECISIONS))
    .option('--steps-per-call <n>', 'steps that are one program of the device (default: 1)', whole(1))
    .addOption(devicesOption())
    .addOption(dataOption())
    .addOption(backendOption())
    .addOption(jsonOption())
    .action(runFiles);
}

/** What the same command goes on with. */
const UNFINISHED: ReadonlySet<Ending['status']> = new Set<Ending['status']>(['interrupted', 'not begun']);

async function runFiles(files: string[], options: Options): Promise<void> {
  const { checkpoints, records, precision, minutes, checkpointMinutes, stepsPerCall, devices } = options;
  const experiments = files.flatMap(file => readExperiments(file, options.seed));
  const data = await loadCifar10({ folder: options.data });
  const backend = await startBackend(options.backend);
  const endings = await untilInterrupted(signal =>
    runExperiments(experiments, {
      ...{ data, backend, signal, checkpoints, records, precision, minutes, stepsPerCall, devices },
      everySeconds: checkpointMinutes === undefined ? undefined : checkpointMinutes * 60,
      onMessage: message => console.error(message),
      reporter: () => reporter(),
    }),
  );
  if (options.json) console.log(JSON.stringify(endings));
  else for (const ending of endings) console.log(`${ending.name}: ${describe(ending)}`);
  if (endings.some(({ status }) => status === 'failed')) process.exitCode = 1;
  else if (endings.some(({ status }) => UNFINISHED.has(status))) process.exitCode = 130;
}

function describe(ending: Ending): string {
  switch (ending.status) {
    case 'failed':
      return `failed: ${ending.reason}`;
    case 'not begun':
      return 'not begun';
    case 'interrupted':
      return `stopped at step ${ending.result.step} of ${ending.result.steps}; the same command goes on from there`;
    default: {
      const { finalTestError, bestTestError, seconds, precision } = ending.record;
      const best = bestTestError === undefined ? '' : ` (best on test ${bestTestError.toFixed(2)} %)`;
      const number = `test error ${finalTestError.toFixed(2)} %${best}`;
      return ending.status === 'skipped'
        ? `finished before in ${precision}, ${number} (to train it anew: --seed N, or --records FOLDER)`
        : `${number} in ${duration(seconds)}`;
    }
  }
}
