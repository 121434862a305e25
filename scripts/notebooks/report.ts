import { chalk } from 'zx';
import { type CellResult, type NotebookResult } from '../../src/nbtest/execute/execute';
import { failureReport } from '../../src/nbtest/execute/failure';
import { placeOf } from '../../src/nbtest/junit';
import { shortNames } from './names';

const marks: Record<CellResult['status'], string> = {
  passed: chalk.green('✓'),
  failed: chalk.red('✗'),
  skipped: chalk.yellow('-'),
  'not-run': chalk.yellow('·'),
};

/** One line about a finished cell: its number of all, what became of it, its title, how long it took. */
export function cellLine(cell: CellResult, done: number, total: number): string {
  const ran = cell.status === 'passed' || cell.status === 'failed';
  const place = `[${String(done).padStart(String(total).length)}/${total}]`;
  const note = ran ? seconds(cell.duration) : (cell.reason ?? cell.status);
  return `${place} ${marks[cell.status]} ${cell.label.title} ${chalk.gray(`(${note})`)}`;
}

/** What failed in a notebook; empty if nothing did. */
export function failureText({ path, failure, cells }: NotebookResult): string {
  const parts = failure ? [failure.message.includes(path) ? failure.message : `${path}: ${failure.message}`] : [];
  for (const result of cells) {
    if (result.failure) parts.push(failureReport(placeOf(path, result), result.cell, result.failure));
  }
  return parts.map(part => `\n${chalk.red(part)}\n`).join('');
}

/** A table with a line for each notebook: time, cells, result. */
export function summaryTable(results: readonly NotebookResult[]): string {
  const names = shortNames(results.map(result => result.path));
  const rows = results.map((result, i) => {
    const of = (status: CellResult['status']): number =>
      result.cells.filter(cell => cell.status === status).length;
    const outcome = result.passed ? 'passed' : (result.failure?.code ?? 'failed');
    return [
      names[i],
      seconds(result.duration),
      ...(['passed', 'failed', 'skipped', 'not-run'] as const).map(status => String(of(status))),
      outcome,
    ];
  });
  const head = ['notebook', 'time', 'passed', 'failed', 'skipped', 'not run', 'result'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => row[i].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => (i === 0 || i === 6 ? text.padEnd(widths[i]) : text.padStart(widths[i])))
      .join('  ')
      .trimEnd();
  return [chalk.bold(line(head)), ...rows.map((row, i) => (results[i].passed ? line(row) : chalk.red(line(row))))].join(
    '\n',
  );
}

/** Milliseconds as seconds or minutes. */
export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  if (value < 120) return `${value.toFixed(1)} s`;
  return `${Math.floor(value / 60)} min ${String(Math.floor(value % 60)).padStart(2, '0')} s`;
}
