import { type NbtestErrorCode } from '../errors';
import { type CodeCell, type ErrorOutput } from '../notebook/types';

/** Why a cell failed. */
export interface CellFailure {
  code: NbtestErrorCode;
  /** One line: the error's name and message, or the reason in words. */
  message: string;
  /** The kernel's trace, without colours; empty if there is none. */
  trace: string;
  /** More to show as it is, such as a diff. */
  detail?: string;
  /** Line in the cell (1-based), where it is known. */
  line?: number;
  /** No later cell can be run: the kernel is gone, or the notebook's time is up. */
  fatal?: boolean;
}

/** Removes terminal colours and cursor movements. */
export function stripAnsi(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g, '');
}

/** The failure that an error output stands for. */
export function failureOf(error: ErrorOutput, cell: CodeCell): CellFailure {
  const message = error.evalue ? `${error.ename}: ${error.evalue}` : error.ename;
  const trace = stripAnsi(error.traceback.join('\n'));
  return { code: 'cell', message: stripAnsi(message), trace, line: lineOf(trace, cell) };
}

/** What tslab and Node put before an error's name. */
const PREFIX = '(?:Uncaught |unexpected error: |UncaughtException: |UnhandledPromiseRejection: )?';
/** A line that begins with an error's name, and the name and message in it. */
const HEAD = new RegExp(String.raw`^${PREFIX}[A-Z][\w$.]*(?: \[\w+\])?(?::|$)`);
const NAME_AND_MESSAGE = new RegExp(String.raw`^${PREFIX}([^:]*?)(?::\s*(.*))?$`);

/**
 * A failed cell of tslab answers with the status alone and prints the error on stderr: this reads it back.
 * Compiler messages look like `2:7 - text`, runtime errors like Node's.
 */
export function errorFromStderr(stderr: string): ErrorOutput {
  const text = stripAnsi(stderr).trim();
  const lines = text.split('\n');
  const compiler = lines.filter(line => /^(?:\S.* )?[0-9]+:[0-9]+ - /.test(line));
  if (compiler.length > 0) {
    return { output_type: 'error', ename: 'TypeScriptError', evalue: compiler[0], traceback: compiler };
  }
  // The last error, because the code may have printed others before; a trace's first line stands before its "at" lines.
  const heads = lines.flatMap((line, i) => (HEAD.test(line) ? [i] : []));
  const withTrace = heads.filter(i => lines.slice(i + 1).some(line => /^\s+at /.test(line)));
  const head = withTrace.at(-1) ?? heads.at(-1);
  if (head === undefined) {
    const first = lines.at(-1) ?? '';
    return {
      output_type: 'error',
      ename: 'Error',
      evalue: first || 'the kernel reported an error without a message',
      traceback: lines,
    };
  }
  const [, ename, evalue] = NAME_AND_MESSAGE.exec(lines[head])!;
  return {
    output_type: 'error',
    ename,
    evalue: evalue ?? '',
    traceback: lines.slice(traceStart(lines, head)),
  };
}

// Node prints the place and the source line with a caret above an uncaught error.
function traceStart(lines: readonly string[], head: number): number {
  for (let i = head - 1; i >= Math.max(0, head - 6); i--) {
    if (/^(?:evalmachine\.<anonymous>|\S+):[0-9]+$/.test(lines[i])) return i;
  }
  return head;
}

/** The line of the cell that a trace points at, as far as it can be told. */
export function lineOf(trace: string, cell: CodeCell): number | undefined {
  const source = cell.source.split('\n');
  const compiler = /^([0-9]+):[0-9]+ - /m.exec(trace);
  if (compiler) return inRange(Number(compiler[1]), source.length);
  // IPython: "Cell In[3], line 2", and for syntax errors the same.
  const ipython = [
    ...trace.matchAll(
      /^\s*(?:Cell In ?\[[0-9]+\], line|File <ipython-input-[^>]*>:?,? ?(?:line )?)\s*([0-9]+)/gm,
    ),
  ];
  if (ipython.length > 0) return inRange(Number(ipython[ipython.length - 1][1]), source.length);
  // Node quotes the emitted JavaScript line: find the line of the cell that it came from.
  const quoted = /^(?:evalmachine\.<anonymous>):[0-9]+\n(.*)\n\s*\^/m.exec(trace);
  if (quoted) return lineLike(quoted[1], source);
  return undefined;
}

function inRange(line: number, lines: number): number | undefined {
  return line >= 1 && line <= lines ? line : undefined;
}

// TypeScript's output has no types, and `exports.x` for a global x: compare the words that are left.
function lineLike(emitted: string, source: readonly string[]): number | undefined {
  const words = (line: string): string[] =>
    line.replace(/\b(?:exports|__tslab__)\./g, '').match(/[\w$]+|"[^"]*"|'[^']*'/g) ?? [];
  const wanted = words(emitted);
  if (wanted.length === 0) return undefined;
  let best = { line: 0, score: 0.6 };
  source.forEach((line, index) => {
    const here = words(line);
    const common = wanted.filter(word => here.includes(word)).length;
    const score = (2 * common) / (wanted.length + here.length || 1);
    if (score > best.score) best = { line: index + 1, score };
  });
  return best.line || undefined;
}

/**
 * The whole report of a failed cell for a terminal: what, where, the source with the line marked, the trace.
 * `place` names notebook and cell, as in `notebooks/a.ipynb, cell 3 (In [2])`.
 */
export function failureReport(place: string, cell: CodeCell, failure: CellFailure): string {
  const parts = [`${failure.message}\n  in ${place}`];
  if (failure.detail !== undefined) parts.push(failure.detail);
  else parts.push(numbered(cell.source, failure.line));
  if (failure.trace) parts.push(`The kernel's trace:\n${bar(limitLines(failure.trace, 60))}`);
  return parts.join('\n\n');
}

function numbered(source: string, marked: number | undefined): string {
  const lines = source.split('\n');
  const from = marked === undefined ? 1 : Math.max(1, marked - 12);
  const to = Math.min(lines.length, marked === undefined ? 25 : marked + 5);
  const width = String(to).length;
  const shown = lines.slice(from - 1, to).map((line, i) => {
    const number = from + i;
    return `${number === marked ? '>' : ' '} ${String(number).padStart(width)} | ${line}`.trimEnd();
  });
  if (to < lines.length) shown.push(`  ${' '.repeat(width)} | … ${lines.length - to} more lines`);
  return shown.join('\n');
}

// A bar before each line keeps jest from taking the kernel's frames for its own and hiding them.
function bar(text: string): string {
  return text
    .split('\n')
    .map(line => `  | ${line}`.trimEnd())
    .join('\n');
}

function limitLines(text: string, most: number): string {
  const lines = text.split('\n');
  if (lines.length <= most) return text;
  return [
    ...lines.slice(0, most / 2),
    `… ${lines.length - most} lines left out …`,
    ...lines.slice(-most / 2),
  ].join('\n');
}
