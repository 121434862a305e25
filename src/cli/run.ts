import { Command, Option } from 'commander';
import { type BackendName } from '../backends';
import { loadCifar10 } from '../data';
import { type Experiment, readExperiments, runExperiment, type RunOutcome } from '../train';
import { PRECISIONS, type TrainOptions } from '../train/options';
import { errorTest } from '../train/errorTest';
import { UserError } from '../errors';
import { untilInterrupted } from './interrupt';
import { backendOption, dataOption, positive, startBackend } from './options';
import { duration, reporter } from './progress';

interface Options {
  data?: string;
  backend?: BackendName;
  checkpoints?: string;
  records?: string;
  checkpointMinutes?: number;
  minutes?: number;
  precision?: TrainOptions['precision'];
}

/** `cifar run` */
export function runCommand(): Command {
  return new Command('run')
    .description(
      'Train the experiments of YAML files, in order, after a short test of each. Safe to run again: finished ones are skipped, a broken-off one goes on from its checkpoint.',
    )
    .argument('<files...>', 'experiment files')
    .option('--checkpoints <folder>', 'where checkpoints are kept (default: records/checkpoints)')
    .option('--records <folder>', 'where the records of finished runs go (default: records)')
    .option('--checkpoint-minutes <minutes>', 'time between two checkpoints (default: 2)', positive)
    .option('--minutes <minutes>', 'stop, to be gone on with, after this time', positive)
    .addOption(new Option('--precision <name>', "in place of the experiments'").choices(PRECISIONS))
    .addOption(dataOption())
    .addOption(backendOption())
    .action(runFiles);
}

async function runFiles(files: string[], options: Options): Promise<void> {
  const experiments = files.flatMap(readExperiments);
  requireOwnNames(experiments);
  const data = await loadCifar10({ folder: options.data });
  const backend = await startBackend(options.backend);
  const summary: string[] = [];
  let failed = false;
  await untilInterrupted(async interrupt => {
    const limit = options.minutes === undefined ? [] : [AbortSignal.timeout(options.minutes * 60_000)];
    const signal = AbortSignal.any([interrupt, ...limit]);
    const broken = await testAll(experiments, signal, experiment => errorTest(experiment, data, signal));
    for (const experiment of experiments) {
      const { name } = experiment;
      const problem = broken.get(experiment);
      if (problem !== undefined || signal.aborted) {
        failed ||= problem !== undefined;
        summary.push(`${name}: ${problem !== undefined ? `failed: ${problem}` : 'not begun'}`);
        continue;
      }
      const report = reporter();
      console.error(`${name}: ${experiment.model}, ${experiment.file}`);
      try {
        const { checkpoints, records, checkpointMinutes, precision } = options;
        const everySeconds = checkpointMinutes === undefined ? undefined : checkpointMinutes * 60;
        const callbacks = {
          onProgress: report.onProgress,
          onValidation: report.onValidation,
          onWarning: report.onWarning,
        };
        const places = { checkpoints, records, everySeconds, precision };
        const outcome = await runExperiment(experiment, { data, backend, signal, ...places, ...callbacks });
        summary.push(`${name}: ${describe(outcome)}`);
      } catch (error) {
        failed = true;
        summary.push(`${name}: failed: ${messageOf(error)}`);
      } finally {
        report.stop();
      }
    }
  });
  console.log(summary.join('\n'));
  if (failed) process.exitCode = 1;
}

/** Tries every experiment for a few steps, so that a slip in the last is found before the first has run for hours. */
async function testAll(
  experiments: readonly Experiment[],
  signal: AbortSignal,
  test: (experiment: Experiment) => Promise<void>,
): Promise<Map<Experiment, string>> {
  const broken = new Map<Experiment, string>();
  for (const experiment of experiments) {
    if (experiment.skipErrorTest || signal.aborted) continue;
    try {
      await test(experiment);
      console.error(`error test of ${experiment.name}: passed`);
    } catch (error) {
      broken.set(experiment, messageOf(error));
      console.error(`error test of ${experiment.name}: ${messageOf(error)}`);
    }
  }
  return broken;
}

function requireOwnNames(experiments: readonly Experiment[]): void {
  const seen = new Map<string, string>();
  for (const { name, file } of experiments) {
    const other = seen.get(name);
    if (other !== undefined)
      throw new UserError(
        `run_name '${name}' stands in '${other}' and in '${file}'; each run needs its own.`,
      );
    seen.set(name, file);
  }
}

/** The one line of a mistake that can be mended; the whole trace of a defect. */
function messageOf(error: unknown): string {
  if (error instanceof UserError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function describe(outcome: RunOutcome): string {
  if (outcome.status === 'interrupted')
    return `stopped at step ${outcome.result.step} of ${outcome.result.steps}; the same command goes on from there`;
  const { finalTestError, bestTestError, seconds } = outcome.record;
  const best = bestTestError === undefined ? '' : ` (best on test ${bestTestError.toFixed(2)} %)`;
  const number = `test error ${finalTestError.toFixed(2)} %${best}`;
  return outcome.status === 'skipped' ? `finished before, ${number}` : `${number} in ${duration(seconds)}`;
}
