/** Tables, and messages in place of stack traces. */
import { escapeHtml, showHtml } from './display';

export type Cell = string | number | undefined;

/** A table as HTML; numbers are set to the right with thousands separated. */
export function tableHtml(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  caption?: string,
): string {
  const number = (value: number) =>
    Number.isInteger(value) ? value.toLocaleString('en-US') : String(Number(value.toPrecision(4)));
  // The attribute where styles are stripped, the style where the page's own (VS Code's) would win.
  const aligned = (tag: string, side: string, text: string) =>
    `<${tag} align="${side}" style="text-align:${side}">${text}</${tag}>`;
  const cell = (value: Cell) =>
    typeof value === 'number'
      ? aligned('td', 'right', number(value))
      : aligned('td', 'left', escapeHtml(value ?? '–'));
  const numeric = (column: number) => rows.length > 0 && rows.every(row => typeof row[column] === 'number');
  const head = columns
    .map((name, i) => aligned('th', numeric(i) ? 'right' : 'left', escapeHtml(name)))
    .join('');
  const body = rows.map(row => `<tr>${row.map(cell).join('')}</tr>`).join('\n');
  const title = caption ? `<caption>${escapeHtml(caption)}</caption>` : '';
  return `<table>${title}<thead><tr>${head}</tr></thead>\n<tbody>${body}</tbody></table>`;
}

/** Shows a table. */
export function table(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  caption?: string,
): void {
  showHtml(tableHtml(columns, rows, caption));
}

/** Shows a message with a bold first line. */
export function notice(title: string, text: string): void {
  showHtml(`<blockquote><p><b>${escapeHtml(title)}</b></p><p>${escapeHtml(text)}</p></blockquote>`);
}

/**
 * Runs a part of a cell that may lack something the reader can supply (a plugin, weights): then a message stands where
 * the trace would, and undefined is returned. Defects of the program are thrown on.
 */
export async function attempt<T>(what: string, run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== 'UserError' && name !== 'XlaError') throw error;
    notice(`${what} is not possible here`, message);
    return undefined;
  }
}
