import { diff } from 'jest-diff';
import { compareOutputs } from '../compare/compare';
import { compareOptionsFor, type GivenCompareOptions, isCompared } from '../compare/options';
import { type CellResult } from '../execute/execute';
import { readNotebook } from '../notebook/read';
import { type CodeCell, type Notebook, type Output } from '../notebook/types';
import { writeNotebook } from '../notebook/write';

/** Jest's way to treat what is stored: `-u` is 'all', the default 'new', `--ci` 'none'. */
export type UpdateMode = 'all' | 'new' | 'none';

/** Compares the outputs of a notebook's cells with those that its file holds, and stores fresh ones if asked to. */
export class OutputSnapshots {
  readonly counts = { added: 0, matched: 0, unmatched: 0, updated: 0 };
  private readonly stored = new Map<string, { outputs: Output[]; executed: boolean }>();
  private readonly fresh = new Map<string, CodeCell>();

  /** `notebook` as read from `path`, not executed yet. */
  constructor(
    private readonly notebook: Notebook,
    private readonly path: string,
    private readonly options: GivenCompareOptions & { expand?: boolean },
    private readonly mode: UpdateMode,
  ) {
    for (const cell of notebook.cells) {
      if (cell.cell_type !== 'code') continue;
      const executed = cell.execution_count !== null || cell.outputs.length > 0;
      this.stored.set(cell.id, { outputs: cell.outputs, executed });
    }
  }

  /** Checks one executed cell; a difference becomes its failure. */
  check(result: CellResult): void {
    const before = this.stored.get(result.cell.id);
    if (result.status !== 'passed' || !before) return;
    const options = compareOptionsFor(this.notebook, result.cell, this.options);
    if (!isCompared(result.cell, options)) return;
    const difference = compareOutputs(before.outputs, result.cell.outputs, options);
    if (!difference) {
      this.counts.matched++;
    } else if (this.mode === 'all' || (this.mode === 'new' && !before.executed)) {
      this.counts[before.executed ? 'updated' : 'added']++;
      this.fresh.set(result.cell.id, result.cell);
    } else {
      this.counts.unmatched++;
      result.status = 'failed';
      result.failure = {
        code: 'output',
        message: before.executed
          ? 'The outputs differ from the stored ones (jest -u stores the fresh ones)'
          : 'The notebook holds no outputs of this cell to compare with (jest without --ci stores them)',
        trace: '',
        detail:
          diff(difference.stored, difference.fresh, {
            aAnnotation: 'Stored',
            bAnnotation: 'Fresh',
            expand: this.options.expand ?? false,
          }) ?? '',
      };
    }
  }

  /** Writes the outputs to be stored into the notebook's file; nothing else in it changes. */
  save(): void {
    if (this.fresh.size === 0) return;
    const notebook = readNotebook(this.path);
    for (const cell of notebook.cells) {
      const fresh = this.fresh.get(cell.id);
      if (cell.cell_type !== 'code' || !fresh) continue;
      cell.execution_count ??= fresh.execution_count;
      cell.outputs = fresh.outputs.map(output =>
        output.output_type === 'execute_result'
          ? { ...output, execution_count: cell.execution_count }
          : output,
      );
    }
    writeNotebook(this.path, notebook);
  }
}
