/** Several experiments, one after another; what goes wrong in one does not stop the others. */
import { UserError } from '../errors';
import { errorTest } from './errorTest';
import { type Experiment } from './experiment';
import { type Progress, type Validation } from './options';
import { hasRecord, runExperiment, type RunExperimentOptions, type RunOutcome } from './runExperiment';
import { timeLimit } from './timeLimit';

/** Told of each experiment's training. */
export interface Reporter {
  onProgress(progress: Progress): void;
  onValidation(validation: Validation): void;
  onWarning(message: string): void;
  /** The training has ended. */
  stop(): void;
}

export interface RunExperimentsOptions extends Omit<RunExperimentOptions, keyof Reporter> {
  /** A line for people: which experiment begins, how its test went. */
  onMessage(message: string): void;
  /** Makes the reporter of each experiment that is trained. */
  reporter(): Reporter;
}

/** How one experiment went. */
export type Ending = { name: string } & (
  RunOutcome | { status: 'failed'; reason: string } | { status: 'not begun' }
);

/**
 * First the error test of each, so that a slip in the last is found before the first has run for hours, then all in order.
 * Safe to call again: finished experiments are skipped, one that was broken off goes on.
 *
 * @returns one entry an experiment, in their order
 * @throws UserError when two have the same name
 */
export async function runExperiments(
  experiments: readonly Experiment[],
  { onMessage, reporter, minutes, ...options }: RunExperimentsOptions,
): Promise<Ending[]> {
  requireOwnNames(experiments);
  const limit = minutes === undefined ? [] : [timeLimit(minutes)];
  const signal = AbortSignal.any([...limit, ...(options.signal ? [options.signal] : [])]);
  const broken = new Map<Experiment, string>();
  for (const experiment of experiments) {
    if (experiment.skipErrorTest || signal.aborted) continue;
    try {
      if (hasRecord(experiment, options)) continue;
      const { precision, devices, stepsPerCall } = options;
      await errorTest(experiment, options.data, { precision, devices, stepsPerCall, signal });
      onMessage(`error test of ${experiment.name}: ${signal.aborted ? 'broken off' : 'passed'}`);
    } catch (error) {
      broken.set(experiment, messageOf(error));
      onMessage(`error test of ${experiment.name}: ${messageOf(error)}`);
    }
  }
  const endings: Ending[] = [];
  for (const experiment of experiments) {
    const { name } = experiment;
    const reason = broken.get(experiment);
    if (reason !== undefined) endings.push({ name, status: 'failed', reason });
    else if (signal.aborted && !isDone(experiment)) endings.push({ name, status: 'not begun' });
    else endings.push({ name, ...(await runOne(experiment)) });
  }
  return endings;

  /** Also where the record is a damaged one, which is then told of. */
  function isDone(experiment: Experiment): boolean {
    try {
      return hasRecord(experiment, options);
    } catch {
      return true;
    }
  }

  async function runOne(experiment: Experiment): Promise<RunOutcome | { status: 'failed'; reason: string }> {
    onMessage(`${experiment.name}: ${experiment.model}, ${experiment.file}`);
    const report = reporter();
    try {
      const { onProgress, onValidation, onWarning } = report;
      return await runExperiment(experiment, { ...options, signal, onProgress, onValidation, onWarning });
    } catch (error) {
      return { status: 'failed', reason: messageOf(error) };
    } finally {
      report.stop();
    }
  }
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
