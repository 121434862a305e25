import { performance } from 'node:perf_hooks';
import { NbtestError, messageOf } from '../errors';
import { checkMetadata } from '../metadata';
import { type CodeCell, type Notebook } from '../notebook/types';
import { codeCells } from '../notebook/read';
import { writeNotebook } from '../notebook/write';
import { type CellFailure } from './failure';
import { cellLabels, type CellLabel } from './labels';
import { type ExecuteOptions, type GivenExecuteOptions, optionsFor, skipReason } from './options';
import { injectParameters } from './parameters';
import { Session } from './session';

/** What became of one code cell. */
export interface CellResult {
  /** Position in the notebook (0-based, text cells counted). */
  index: number;
  cell: CodeCell;
  label: CellLabel;
  status: 'passed' | 'failed' | 'skipped' | 'not-run';
  /** Why a cell was skipped or not run. */
  reason?: string;
  failure?: CellFailure;
  /** Milliseconds. */
  duration: number;
}

/** What became of a notebook. */
export interface NotebookResult {
  path: string;
  passed: boolean;
  cells: CellResult[];
  /** A failure of the notebook as a whole (its kernel did not start); cells' failures stand with the cells. */
  failure?: CellFailure;
  /** Milliseconds, the kernel's start and end included. */
  duration: number;
  notebook: Notebook;
}

export interface ExecuteHooks {
  /** Where the executed notebook is written: while it runs (every two seconds at most), and at its end, failed or not. */
  saveTo?: string;
  onStart?(cells: readonly CellResult[]): void;
  onCellStart?(cell: CellResult): void | Promise<void>;
  /** May set `failure` and `status` (used for comparing outputs); called for every cell, also those not run. */
  onCellEnd?(cell: CellResult): void | Promise<void>;
  /** Leaves out what comes after the last cell that this holds for; by default all cells run. */
  until?(cell: CellResult): boolean;
  signal?: AbortSignal;
}

/** Least time between two writes of a running notebook, milliseconds. */
const saveInterval = 2000;

/**
 * Executes a notebook from top to bottom; its outputs are put into `notebook`, where a cell keeps what it holds until it
 * begins: one that is not run keeps it for good, as after nbclient. Never throws for what a notebook or a kernel does:
 * that is in the result.
 */
export async function executeNotebook(
  notebook: Notebook,
  path: string,
  options: GivenExecuteOptions = {},
  hooks: ExecuteHooks = {},
): Promise<NotebookResult> {
  const started = performance.now();
  let session: Session | undefined;
  let failure: CellFailure | undefined;
  let cells = cellResults(notebook);
  const saver = new Saver(notebook, hooks.saveTo);
  try {
    checkMetadata(notebook, path);
    const settings = optionsFor(notebook, options);
    session = await Session.start(notebook, path, settings);
    describeKernel(notebook, session);
    if (settings.parameters) injectParameters(notebook, settings.parameters, session.language);
    cells = cellResults(notebook);
    hooks.onStart?.(cells);
    await runCells(session, cells, settings, hooks, saver);
  } catch (error) {
    if (!(error instanceof NbtestError)) throw error;
    failure = { code: error.code, message: error.message, trace: '' };
    for (const result of cells) {
      if (result.status === 'not-run') result.reason ??= 'the notebook failed before its first cell';
    }
  } finally {
    await session?.close();
    saver.finish();
  }
  const passed = !failure && cells.every(({ status }) => status === 'passed' || status === 'skipped');
  return { path, passed, cells, failure, duration: performance.now() - started, notebook };
}

async function runCells(
  session: Session,
  cells: readonly CellResult[],
  settings: ExecuteOptions,
  hooks: ExecuteHooks,
  saver: Saver,
): Promise<void> {
  let stopped: string | undefined;
  const last = hooks.until ? (cells.filter(hooks.until).at(-1)?.index ?? -1) : Infinity;
  for (const result of cells) {
    const skip = skipReason(result.cell, settings);
    if (result.index > last) {
      Object.assign(result, { status: 'skipped', reason: 'not selected' });
    } else if (skip) {
      Object.assign(result, { status: 'skipped', reason: skip });
    } else if (stopped) {
      result.reason = stopped;
    } else {
      await hooks.onCellStart?.(result);
      const begin = performance.now();
      const began = new Date();
      result.failure = await session.run(result.cell, () => saver.save(), hooks.signal);
      result.duration = performance.now() - begin;
      result.status = result.failure ? 'failed' : 'passed';
      if (settings.recordTiming) recordTiming(result.cell, began);
      saver.save();
    }
    await hooks.onCellEnd?.(result);
    const { failure } = result;
    if (!failure || stopped) continue;
    if (failure.fatal || (!settings.allowErrors && failure.code !== 'output')) {
      stopped = `cell ${result.index + 1} failed`;
    }
  }
}

function cellResults(notebook: Notebook): CellResult[] {
  const labels = cellLabels(notebook);
  return codeCells(notebook).map(({ cell, index }) => ({
    index,
    cell,
    label: labels.get(cell)!,
    status: 'not-run',
    duration: 0,
  }));
}

/** Notes in the notebook which kernel executes it. */
export function describeKernel(notebook: Notebook, session: Session): void {
  const { spec, kernelInfo } = session.kernel;
  if (Object.keys(kernelInfo.languageInfo).length > 0)
    notebook.metadata.language_info = kernelInfo.languageInfo;
  notebook.metadata.kernelspec ??= {
    display_name: spec.displayName,
    language: spec.language,
    name: spec.name,
  };
}

function recordTiming(cell: CodeCell, began: Date): void {
  cell.metadata.execution = {
    'iopub.execute_input': began.toISOString(),
    'shell.execute_reply': new Date().toISOString(),
  };
}

/** Writes the notebook while it runs, not more often than every `saveInterval`. */
class Saver {
  private last = Date.now();
  constructor(
    private readonly notebook: Notebook,
    private readonly path: string | undefined,
  ) {}

  save(): void {
    if (Date.now() - this.last >= saveInterval) this.finish();
  }

  finish(): void {
    if (this.path === undefined) return;
    writeNotebook(this.path, this.notebook);
    this.last = Date.now();
  }
}

/** The text of any failure to start, for callers that have no result. */
export function startFailure(error: unknown): CellFailure {
  return { code: error instanceof NbtestError ? error.code : 'start', message: messageOf(error), trace: '' };
}
