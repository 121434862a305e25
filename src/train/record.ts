/** What a finished run leaves behind: one small JSON file, from which tables and plots are made. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { replaceFile } from '../atomicFile';
import { UserError } from '../errors';
import { projectRoot } from '../projectRoot';

/** One point of a run's curve; errors in percent. */
export interface RecordPoint {
  step: number;
  /** Training error (augmented images, mean since the point before). */
  trainError?: number;
  /** Error on what the run was validated on. */
  testError?: number;
  learningRate: number;
  /** Training loss, regularization included. */
  loss?: number;
}

/** A finished run. */
export interface RunRecord {
  name: string;
  /** The registry's name. */
  model: string;
  /** Trainable parameters. */
  parameters: number;
  recipe?: 'paper' | 'seed' | 'short' | 'modern';
  /** The experiment file, relative to the project. */
  experiment?: string;
  /** The experiment as it stood in the file. */
  config: unknown;
  /** Git commit of the code when the run's last part began; with '+' when files were changed. */
  commit: string;
  backend: string;
  device: string;
  /** PJRT plugin, where the back end is xla. */
  plugin?: string;
  precision: string;
  steps: number;
  epochs: number;
  seed: number;
  /** ISO 8601. */
  startedAt: string;
  finishedAt: string;
  /** Seconds of training, compilation and validation included, over all parts of the run. */
  seconds: number;
  /** Of the run's last part. */
  imagesPerSecond: number;
  /** Percent of the whole test set misclassified by the final weights: the run's number. */
  finalTestError: number;
  /** The lowest test error of the curve: chosen by the test set itself. Absent when validated on held-out images. */
  bestTestError?: number;
  /** Percent, over the last log interval. */
  trainError: number;
  /** What `testError` of the curve was measured on. */
  validatedOn: 'test set' | 'held-out training images';
  /** mean and deviation that images were normalized by. */
  normalization: { mean: readonly number[]; std: readonly number[] };
  curve: RecordPoint[];
}

/** Images a second over the whole run, with all its parts, validation and compiling: what its seconds are made of. */
export function wholeRate({ steps, seconds, config }: RunRecord): number {
  const { train_parameters: parameters } = config as { train_parameters?: { batch_size?: number } };
  return (steps * (parameters?.batch_size ?? 128)) / seconds;
}

/**
 * Writes records/NAME.json, whole or not at all.
 * @throws UserError when it can't be written
 */
export function writeRecord(folder: string, record: RunRecord): string {
  const file = path.join(folder, `${record.name}.json`);
  try {
    replaceFile(file, formatRecord(record));
  } catch (error) {
    throw new UserError(
      `The record '${file}' can't be written (${(error as Error).message}): make room on the disk and start the run again, which goes on from its checkpoint.`,
    );
  }
  return file;
}

/** JSON that diffs well: a line a field, and a line a point of the curve. */
function formatRecord({ curve, ...record }: RunRecord): string {
  const points = curve.map(point => `    ${JSON.stringify(point)}`).join(',\n');
  const head = JSON.stringify(record, null, 2).replace(/\n\}$/, '');
  return `${head},\n  "curve": [\n${points}\n  ]\n}\n`;
}

/** @throws UserError when the file is there but no record. */
export function readRecord(folder: string, name: string): RunRecord | undefined {
  const file = path.join(folder, `${name}.json`);
  if (!fs.existsSync(file)) return undefined;
  try {
    const record = JSON.parse(fs.readFileSync(file, 'utf8')) as RunRecord;
    if (typeof record.finalTestError !== 'number') throw new Error('it has no finalTestError');
    return record;
  } catch (error) {
    throw new UserError(`'${file}' is no record of a run (${(error as Error).message}); move it away.`);
  }
}

/**
 * Every record of a folder, by name.
 * @throws UserError naming a file that is none
 */
export function readRecords(folder: string): RunRecord[] {
  if (!fs.existsSync(folder)) return [];
  const names = fs.readdirSync(folder).filter(file => file.endsWith('.json'));
  return names.sort().map(file => readRecord(folder, path.basename(file, '.json'))!);
}

/**
 * The commit of the code as it now is, so ask before it runs: CIFAR_COMMIT where there is no repository (a bundle), else git's, with '+'
 * when files of the project were changed (records are none of its code).
 */
export function currentCommit(): string {
  if (process.env.CIFAR_COMMIT) return process.env.CIFAR_COMMIT;
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: projectRoot(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return (
      git('rev-parse', 'HEAD') +
      (git('status', '--porcelain', '--untracked-files=no', '.', ':!records') ? '+' : '')
    );
  } catch {
    return 'unknown';
  }
}
