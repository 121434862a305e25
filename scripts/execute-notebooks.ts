/**
 * Executes notebooks headless. `npm run notebooks -- --help` lists the options.
 * Exit status: 0 all cells passed, 1 a cell or kernel failed, 2 wrong arguments.
 */
import { parseArgs } from 'node:util';
import { YAML, chalk, fs, glob, path } from 'zx';
import { failureReport } from '../src/nbtest/execute/failure';
import {
  type ExecuteHooks,
  type NotebookResult,
  executeNotebook,
  startFailure,
} from '../src/nbtest/execute/execute';
import { type ExecuteOptions } from '../src/nbtest/execute/options';
import { NbtestError } from '../src/nbtest/errors';
import { isObject, type Json, type JsonObject } from '../src/nbtest/json';
import { placeOf, writeJUnit } from '../src/nbtest/junit';
import { readNotebook } from '../src/nbtest/notebook/read';

const usage = `Usage: npm run notebooks -- [options] [notebook or pattern ...]

Executes notebooks (default: notebooks/*.ipynb) from top to bottom, each in a fresh kernel.

  --in-place            write the outputs into the notebook itself
  --output-dir FOLDER   write the executed copies there (default: .cache/notebooks)
  --parameters P        name=value (YAML value), or a YAML/JSON file; may be repeated
  --parallel N          notebooks executed at the same time (default: 1)
  --timeout S           limit of each notebook in seconds (default: none)
  --cell-timeout S      limit of each cell in seconds (default: none)
  --kernel NAME         use this kernel and not the notebook's own
  --allow-errors        go on after a failed cell (the run still counts as failed)
  --skip-slow           leave out cells tagged "slow"
  --junit FILE          write a JUnit report
  --quiet               print only failures and the summary
  --help                print this`;

const options = {
  'in-place': { type: 'boolean' },
  'output-dir': { type: 'string' },
  parameters: { type: 'string', multiple: true, short: 'p' },
  parallel: { type: 'string' },
  timeout: { type: 'string' },
  'cell-timeout': { type: 'string' },
  kernel: { type: 'string' },
  'allow-errors': { type: 'boolean' },
  'skip-slow': { type: 'boolean' },
  junit: { type: 'string' },
  quiet: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function main(): Promise<number> {
  const { values, positionals } = parseArguments();
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values['in-place'] && values['output-dir']) throw wrong('give --in-place or --output-dir, not both');
  const execute: Partial<ExecuteOptions> = {
    kernelName: values.kernel,
    timeout: number('timeout', values.timeout),
    cellTimeout: number('cell-timeout', values['cell-timeout']),
    allowErrors: values['allow-errors'],
    slow: values['skip-slow'] ? 'skip' : 'run',
    parameters: readParameters(values.parameters ?? []),
  };
  const files = await notebookFiles(positionals);
  const parallel = number('parallel', values.parallel) ?? 1;
  const outputDir = values['output-dir'] ?? '.cache/notebooks';
  const jobs = files.map(
    file => () =>
      runOne(file, execute, {
        saveTo: values['in-place'] ? file : path.join(outputDir, path.basename(file)),
        prefix: files.length > 1 ? `${path.basename(file)} ` : '',
        quiet: values.quiet ?? false,
      }),
  );
  const results = await pool(jobs, Math.max(1, Math.floor(parallel)));
  if (values.junit) writeJUnit(values.junit, results);
  return summarize(results);
}

async function runOne(
  file: string,
  execute: Partial<ExecuteOptions>,
  output: { saveTo: string; prefix: string; quiet: boolean },
): Promise<NotebookResult> {
  const say = (text: string): void => (output.quiet ? undefined : console.log(output.prefix + text));
  let total = 0;
  let done = 0;
  const hooks: ExecuteHooks = {
    saveTo: output.saveTo,
    onStart: cells => void (total = cells.length),
    onCellEnd: result => {
      const marks = {
        passed: chalk.green('✓'),
        failed: chalk.red('✗'),
        skipped: chalk.yellow('-'),
        'not-run': ' ',
      };
      const time =
        result.status === 'passed' || result.status === 'failed' ? seconds(result.duration) : result.reason;
      say(
        `[${String(++done).padStart(String(total).length)}/${total}] ${marks[result.status]} ${result.label.title} ${chalk.gray(`(${time})`)}`,
      );
    },
  };
  say(chalk.bold(`${file} → ${output.saveTo}`));
  let result: NotebookResult;
  try {
    result = await executeNotebook(readNotebook(file), file, execute, hooks);
  } catch (error) {
    if (!(error instanceof NbtestError)) throw error;
    const notebook = { nbformat: 4 as const, nbformat_minor: 5, metadata: {}, cells: [] };
    result = { path: file, passed: false, cells: [], failure: startFailure(error), duration: 0, notebook };
  }
  if (result.failure) console.error(chalk.red(`${file}: ${result.failure.message}`));
  for (const cell of result.cells) {
    if (cell.failure)
      console.error(`\n${chalk.red(failureReport(placeOf(file, cell), cell.cell, cell.failure))}\n`);
  }
  return result;
}

function summarize(results: readonly NotebookResult[]): number {
  const failed = results.filter(result => !result.passed);
  const cells = results.flatMap(result => result.cells);
  const count = (status: string): number => cells.filter(cell => cell.status === status).length;
  const time = seconds(results.reduce((sum, result) => sum + result.duration, 0));
  const parts = [`${count('passed')} passed`, `${count('failed')} failed`];
  if (count('skipped') > 0) parts.push(`${count('skipped')} skipped`);
  if (count('not-run') > 0) parts.push(`${count('not-run')} not run`);
  console.log(
    `${results.length - failed.length} of ${results.length} notebooks passed; cells: ${parts.join(', ')}; ${time}`,
  );
  for (const result of failed) console.log(chalk.red(`failed: ${result.path}`));
  return failed.length > 0 ? 1 : 0;
}

function parseArguments() {
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

async function notebookFiles(patterns: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const pattern of patterns.length > 0 ? patterns : ['notebooks/*.ipynb']) {
    const folder = fs.existsSync(pattern) && fs.statSync(pattern).isDirectory();
    const found =
      fs.existsSync(pattern) && !folder ? [pattern] : await glob(folder ? `${pattern}/**/*.ipynb` : pattern);
    if (found.length === 0) throw wrong(`no notebook matches ${pattern}`);
    files.push(...found.filter(file => !file.includes('.ipynb_checkpoints')).sort());
  }
  return [...new Set(files)];
}

function readParameters(given: readonly string[]): JsonObject | undefined {
  const parameters: JsonObject = {};
  for (const item of given) {
    const [, name, value] = /^([A-Za-z_]\w*)=([\s\S]*)$/.exec(item) ?? [];
    if (name) {
      parameters[name] = YAML.parse(value) as Json;
      continue;
    }
    if (!fs.existsSync(item)) throw wrong(`--parameters ${item} is neither name=value nor a file`);
    const values = YAML.parse(fs.readFileSync(item, 'utf8')) as Json;
    if (!isObject(values)) throw wrong(`the parameter file ${item} must hold name: value lines`);
    Object.assign(parameters, values);
  }
  return given.length > 0 ? parameters : undefined;
}

function number(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const result = Number(value);
  if (!Number.isFinite(result) || result <= 0 || value.trim() === '')
    throw wrong(`--${name} needs a number above 0, not "${value}"`);
  return result;
}

async function pool<T>(jobs: readonly (() => Promise<T>)[], width: number): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < jobs.length) {
      const index = next++;
      results[index] = await jobs[index]();
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, jobs.length) }, work));
  return results;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function wrong(message: string): NbtestError {
  return new NbtestError('usage', message);
}

main().then(
  status => process.exit(status),
  (error: unknown) => {
    if (!(error instanceof NbtestError)) throw error;
    console.error(error.code === 'usage' ? `${error.message}\n(--help lists the options)` : error.message);
    process.exit(2);
  },
);
