import { NbtestError } from '../errors';
import { cellLabels } from '../execute/labels';
import { codeCells } from '../notebook/read';
import { type CodeCell, type Notebook, tagsOf } from '../notebook/types';

/**
 * Names code cells: a position in the notebook (0-based, text cells counted), or a text that is, in this order, a cell's
 * id, a tag (all cells that have it), a heading (all cells below it), or the beginning of a cell's title.
 */
export type CellSelector = number | string;

/** The code cells that a selector names, at least one. Throws NbtestError 'usage' listing what there is. */
export function selectCells(notebook: Notebook, selector: CellSelector): CodeCell[] {
  const cells = codeCells(notebook);
  const labels = cellLabels(notebook);
  const ways: ((cell: CodeCell, index: number) => boolean)[] =
    typeof selector === 'number'
      ? [(_, index) => index === selector]
      : [
          cell => cell.id === selector,
          cell => tagsOf(cell).includes(selector),
          cell => labels.get(cell)!.headings.includes(selector),
          cell => labels.get(cell)!.title.startsWith(selector),
        ];
  for (const matches of ways) {
    const found = cells.filter(({ cell, index }) => matches(cell, index)).map(({ cell }) => cell);
    if (found.length > 0) return found;
  }
  const all = cells.map(({ cell, index }) => `${index}: ${labels.get(cell)!.title}`).join('\n  ');
  throw new NbtestError('usage', `No code cell is named ${JSON.stringify(selector)}. There are:\n  ${all}`);
}
