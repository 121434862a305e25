import { NbtestError } from '../errors';
import { describeKernel } from '../execute/execute';
import { type CellFailure, failureReport } from '../execute/failure';
import { type GivenExecuteOptions, optionsFor, skipReason } from '../execute/options';
import { injectParameters } from '../execute/parameters';
import { Session } from '../execute/session';
import { randomUUID } from 'node:crypto';
import { placeOf } from '../junit';
import { checkMetadata } from '../metadata';
import { codeCells, readNotebook } from '../notebook/read';
import { type CodeCell, type Notebook, type Output } from '../notebook/types';
import { writeNotebook } from '../notebook/write';
import { type CellSelector, selectCells } from './selector';
import { printedValue, readCode } from './values';

/** Options of `openNotebook`. */
export interface BookOptions extends GivenExecuteOptions {
  /** Cells executed at once: all (the default), none, or those up to and including a named one. */
  execute?: 'all' | 'none' | { until: CellSelector };
}

/** A cell's code failed; `failure` tells how. Its message is the whole report. */
export class CellError extends NbtestError {
  constructor(
    readonly failure: CellFailure,
    report: string,
  ) {
    super(failure.code, report);
  }
}

/**
 * Opens a notebook with a kernel of its own and executes it. Close it at the end, also after a failure:
 *
 *     const nb = await openNotebook('notebooks/data.ipynb');
 *     expect(await nb.get('counts.length')).toBe(10);
 *     await nb.close();
 *
 * Throws NbtestError 'notebook', 'usage', 'kernelspec' or 'start', and CellError when a cell fails; then nothing is left running.
 */
export async function openNotebook(path: string, options: BookOptions = {}): Promise<Book> {
  const { execute = 'all', ...rest } = options;
  const notebook = readNotebook(path);
  checkMetadata(notebook, path);
  const settings = optionsFor(notebook, rest);
  const session = await Session.start(notebook, path, settings);
  const book = new Book(path, notebook, session);
  try {
    describeKernel(notebook, session);
    if (settings.parameters) injectParameters(notebook, settings.parameters, session.language);
    if (execute === 'all') await book.runAll();
    else if (execute !== 'none') await book.runUntil(execute.until);
    return book;
  } catch (error) {
    await book.close();
    throw error;
  }
}

/** A notebook that is open with a running kernel. */
export class Book {
  constructor(
    readonly path: string,
    readonly notebook: Notebook,
    private readonly session: Session,
  ) {}

  /** Runs all code cells. Throws CellError at the first that fails. */
  async runAll(): Promise<void> {
    await this.runCells(codeCells(this.notebook).map(({ cell }) => cell));
  }

  /** Runs the cells that the selector names, in their order, and returns them. */
  async run(selector: CellSelector): Promise<CodeCell[]> {
    const cells = selectCells(this.notebook, selector);
    await this.runCells(cells);
    return cells;
  }

  /** Runs the notebook up to and including the last cell that the selector names. */
  async runUntil(selector: CellSelector): Promise<void> {
    const last = selectCells(this.notebook, selector).at(-1)!;
    const cells = codeCells(this.notebook).map(({ cell }) => cell);
    await this.runCells(cells.slice(0, cells.indexOf(last) + 1));
  }

  /** Runs code of your own in the kernel and returns its outputs; the notebook does not change. Throws CellError. */
  async inject(code: string): Promise<Output[]> {
    const cell: CodeCell = {
      cell_type: 'code',
      id: 'injected',
      metadata: {},
      source: code,
      outputs: [],
      execution_count: null,
    };
    const failure = await this.session.run(cell);
    if (failure) throw new CellError(failure, failureReport(`${this.path}, injected code`, cell, failure));
    return cell.outputs;
  }

  /**
   * The value of an expression in the kernel, by way of JSON: `nb.get('model')`, in TypeScript also with await:
   * `nb.get('await x.data()')`. Typed arrays and numpy arrays come as lists; NaN and infinities survive.
   * Throws CellError when it cannot be evaluated or JSON cannot hold it.
   */
  async get<T = unknown>(expression: string): Promise<T> {
    const mark = `nbtest:${randomUUID()}:`;
    const outputs = await this.inject(readCode(expression, this.session.language, mark));
    return printedValue(stdoutOf(outputs), mark, expression) as T;
  }

  /** The outputs of the cells that the selector names. */
  outputs(selector: CellSelector): Output[] {
    return selectCells(this.notebook, selector).flatMap(cell => cell.outputs);
  }

  /** What those cells wrote to stdout. */
  stdout(selector: CellSelector): string {
    return stdoutOf(this.outputs(selector));
  }

  /** Writes the notebook with its outputs to a file. */
  save(path: string): void {
    writeNotebook(path, this.notebook);
  }

  /** Ends the kernel. */
  close(): Promise<void> {
    return this.session.close();
  }

  private async runCells(cells: readonly CodeCell[]): Promise<void> {
    for (const cell of cells) {
      if (skipReason(cell, this.session.options)) continue;
      const failure = await this.session.run(cell);
      if (!failure) continue;
      const place = placeOf(this.path, { index: this.notebook.cells.indexOf(cell), cell });
      throw new CellError(failure, failureReport(place, cell, failure));
    }
  }
}

function stdoutOf(outputs: readonly Output[]): string {
  return outputs
    .map(output => (output.output_type === 'stream' && output.name === 'stdout' ? output.text : ''))
    .join('');
}
