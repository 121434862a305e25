import { type Cell, type CodeCell, type Notebook } from '../notebook/types';

/** How a code cell is called in reports. */
export interface CellLabel {
  /** The headings above the cell, outermost first. */
  headings: string[];
  /** The first line of code that is not a comment (the first line if all are), made unique below its headings. */
  title: string;
}

const longest = 80;

/** Labels for all code cells of a notebook. */
export function cellLabels(notebook: Notebook): Map<CodeCell, CellLabel> {
  const labels = new Map<CodeCell, CellLabel>();
  const seen = new Map<string, number>();
  let headings: { level: number; text: string }[] = [];
  for (const cell of notebook.cells) {
    if (cell.cell_type === 'markdown') {
      for (const heading of headingsIn(cell)) {
        headings = [...headings.filter(({ level }) => level < heading.level), heading];
      }
    } else if (cell.cell_type === 'code') {
      const path = headings.map(({ text }) => text);
      const title = firstLine(cell.source);
      const key = [...path, title].join('\n');
      const repeat = (seen.get(key) ?? 0) + 1;
      seen.set(key, repeat);
      labels.set(cell, { headings: path, title: repeat > 1 ? `${title} (${repeat})` : title });
    }
  }
  return labels;
}

function headingsIn(cell: Cell): { level: number; text: string }[] {
  const text = cell.source.replace(/^(```|~~~)[\s\S]*?^\1/gm, '');
  return [...text.matchAll(/^(#{1,6})[ \t]+(.+?)[ \t]*#*$/gm)].map(([, marks, title]) => ({
    level: marks.length,
    text: title
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[*_`]{1,3}(\S(?:.*?\S)?)[*_`]{1,3}/g, '$1')
      .trim(),
  }));
}

function firstLine(source: string): string {
  const lines = source.split('\n').map(line => line.trim());
  const filled = lines.filter(line => line !== '');
  const code = filled.find(line => !/^(?:\/\/|\/\*|\*|#)/.test(line)) ?? filled[0] ?? '(empty cell)';
  return code.length > longest ? `${code.slice(0, longest - 1)}…` : code;
}
