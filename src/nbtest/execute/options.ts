import { isObject, type Json, type JsonObject } from '../json';
import { type CodeCell, type Notebook, tagsOf } from '../notebook/types';
import {
  amount,
  flag,
  listOf,
  mapOf,
  objectOf,
  oneOf,
  type Rule,
  text,
  textOrNumber,
  values,
} from '../rules';
import { type OutputLimit } from './outputs';

/** What governs the execution of one notebook. Times are in seconds; 0 means no limit. */
export interface ExecuteOptions {
  /** Use this kernel and not the one in the notebook's metadata. */
  kernelName?: string;
  /** More folders to search for kernels, each holding `<name>/kernel.json`. */
  kernelDirs?: readonly string[];
  /** Working folder of the kernel; by default the notebook's own. */
  cwd?: string;
  /** More environment variables for the kernel. */
  env?: Record<string, string>;
  /** Limit of one cell. Overridden by the cell's `metadata.nbtest.timeout`. */
  cellTimeout: number;
  /** Limit of the whole notebook, the start of the kernel included. Overridden by `metadata.nbtest.timeout`. */
  timeout: number;
  /** Limit of the kernel's start. */
  startTimeout: number;
  /** How long an interrupted cell may take to stop before the kernel is killed. */
  interruptGrace: number;
  /** Go on after a failed cell. */
  allowErrors: boolean;
  /** 'skip' leaves out cells tagged `slow`; 'run' gives them ten times the cell limit. */
  slow: 'run' | 'skip';
  outputLimit: OutputLimit;
  /** Values for the cell tagged `parameters`. */
  parameters?: JsonObject;
  /** Store start and end times in each cell's metadata, as nbclient does; off, because it makes every run a diff. */
  recordTiming: boolean;
}

/** The options that are given; the others have their defaults. */
export type GivenExecuteOptions = Partial<Omit<ExecuteOptions, 'outputLimit'>> & {
  outputLimit?: Partial<OutputLimit>;
};

/** What each option may be. */
export const executeRules: Readonly<Record<keyof ExecuteOptions, Rule>> = {
  kernelName: text,
  kernelDirs: listOf(text),
  cwd: text,
  env: mapOf(textOrNumber),
  cellTimeout: amount,
  timeout: amount,
  startTimeout: amount,
  interruptGrace: amount,
  allowErrors: flag,
  slow: oneOf('run', 'skip'),
  outputLimit: objectOf({ lines: amount, characters: amount }),
  parameters: values,
  recordTiming: flag,
};

const defaultOptions: ExecuteOptions = {
  cellTimeout: 0,
  timeout: 0,
  startTimeout: 60,
  interruptGrace: 5,
  allowErrors: false,
  slow: 'run',
  outputLimit: { lines: 100_000, characters: 64 * 2 ** 20 },
  recordTiming: false,
};

/** The options with those that the notebook's `metadata.nbtest` (see `checkMetadata`) sets on top. */
export function optionsFor(notebook: Notebook, options: GivenExecuteOptions = {}): ExecuteOptions {
  const merged = { ...defaultOptions, ...withoutUndefined(options) };
  const own = settings(notebook.metadata);
  return {
    ...merged,
    outputLimit: { ...defaultOptions.outputLimit, ...withoutUndefined(options.outputLimit ?? {}) },
    timeout: seconds(own.timeout) ?? merged.timeout,
    cellTimeout: seconds(own.cellTimeout) ?? merged.cellTimeout,
    startTimeout: seconds(own.startTimeout) ?? merged.startTimeout,
  };
}

/** A cell's time limit in seconds; 0: none. */
export function cellTimeout(cell: CodeCell, options: ExecuteOptions): number {
  const own = seconds(settings(cell.metadata).timeout);
  if (own !== undefined) return own;
  return options.cellTimeout * (tagsOf(cell).includes('slow') ? 10 : 1);
}

/** Why a cell is not run: 'skip-execution', 'slow', 'empty'; undefined if it is run. */
export function skipReason(cell: CodeCell, options: ExecuteOptions): string | undefined {
  if (cell.source.trim() === '') return 'empty';
  const tags = tagsOf(cell);
  if (tags.includes('skip-execution')) return 'skip-execution';
  return tags.includes('slow') && options.slow === 'skip' ? 'slow' : undefined;
}

/** `metadata.nbtest` of a notebook or cell. */
export function settings(metadata: JsonObject): JsonObject {
  return isObject(metadata.nbtest) ? metadata.nbtest : {};
}

function seconds(value: Json | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

function withoutUndefined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}
