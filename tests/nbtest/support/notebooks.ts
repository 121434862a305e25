/** Notebooks made by tests, and the real kernels that they run in. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type ExecuteHooks, executeNotebook, type NotebookResult } from '../../../src/nbtest/execute/execute';
import { type ExecuteOptions } from '../../../src/nbtest/execute/options';
import { type JsonObject } from '../../../src/nbtest/json';
import { type Cell, type CodeCell, type Notebook } from '../../../src/nbtest/notebook/types';

export const root = resolve(__dirname, '..', '..', '..');
export const kernelDirs = [
  join(root, 'jupyter', 'kernels'),
  join(root, '.venv', 'share', 'jupyter', 'kernels'),
];

/** `describe` where the project's Python environment has a Jupyter kernel, else a skipped one. */
export const describePython = existsSync(join(kernelDirs[1], 'python3', 'kernel.json'))
  ? describe
  : describe.skip;

export function code(source: string, ...tags: string[]): CodeCell {
  const metadata: JsonObject = tags.length > 0 ? { tags } : {};
  return { cell_type: 'code', id: '', metadata, source, outputs: [], execution_count: null };
}

/** A code cell with a time limit of its own. */
export function limited(seconds: number, source: string): CodeCell {
  return { ...code(source), metadata: { nbtest: { timeout: seconds } } };
}

export function markdown(source: string): Cell {
  return { cell_type: 'markdown', id: '', metadata: {}, source };
}

/** A notebook with ids a, b, c… for its cells. */
export function notebook(kernel: string, cells: (Cell | string)[], metadata: JsonObject = {}): Notebook {
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { ...metadata, kernelspec: { name: kernel, display_name: kernel, language: '' } },
    cells: cells.map((cell, i) => ({
      ...(typeof cell === 'string' ? code(cell) : cell),
      id: String.fromCharCode(97 + i),
    })),
  };
}

/** Executes code cells in a fresh kernel. */
export function execute(
  kernel: string,
  cells: (Cell | string)[],
  options: Partial<ExecuteOptions> = {},
  hooks: ExecuteHooks = {},
): Promise<NotebookResult> {
  const settings = { kernelDirs, cwd: root, startTimeout: 120, ...options };
  return executeNotebook(notebook(kernel, cells), join(root, 'test.ipynb'), settings, hooks);
}

/** What became of the cells, as 'passed', 'failed: CODE' or 'not-run'. */
export function outcomes(result: NotebookResult): string[] {
  return result.cells.map(({ status, failure }) => (failure ? `${status}: ${failure.code}` : status));
}

/** Processes on this machine whose environment holds the text (Linux). */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap(name => {
    if (!/^[0-9]+$/.test(name) || Number(name) === process.pid) return [];
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').includes(text) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** A temporary folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nbtest-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
