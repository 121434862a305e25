/** Executes notebooks headless. `npm run notebooks -- --help` lists the options. */
import { chalk, path } from 'zx';
import {
  type ExecuteHooks,
  executeNotebook,
  type NotebookResult,
  startFailure,
} from '../src/nbtest/execute/execute';
import { type ExecuteOptions, settings } from '../src/nbtest/execute/options';
import { NbtestError } from '../src/nbtest/errors';
import { isObject, type JsonObject } from '../src/nbtest/json';
import { writeJUnit } from '../src/nbtest/junit';
import { readNotebook } from '../src/nbtest/notebook/read';
import { shortNames } from './notebooks/names';
import { notebookFiles, positive, readArguments, readParameters, usage } from './notebooks/options';
import { cellLine, failureText, seconds, summaryTable } from './notebooks/report';

const kernelDirs = [path.resolve(__dirname, '..', 'jupyter', 'kernels')];

interface Job {
  file: string;
  /** Where the executed notebook is written. */
  saveTo?: string;
  /** Stands before each line when several notebooks run. */
  prefix: string;
  quiet: boolean;
  /** Use the parameters that the notebook has for tests. */
  asTested: boolean;
  signal: AbortSignal;
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const execute: Partial<ExecuteOptions> = {
    kernelDirs,
    kernelName: values.kernel,
    timeout: positive('timeout', values.timeout),
    cellTimeout: positive('cell-timeout', values['cell-timeout']),
    allowErrors: values['allow-errors'],
    slow: values['skip-slow'] || values['as-tested'] ? 'skip' : 'run',
    parameters: readParameters(values.parameters ?? []),
  };
  const parallel = Math.floor(positive('parallel', values.parallel) ?? 1);
  const total = positive('total-timeout', values['total-timeout']);
  const files = await notebookFiles(positionals);
  const stop = new AbortController();
  const interrupted = stopOnSignals(stop);
  const timer = total && setTimeout(() => stop.abort(), total * 1000).unref();
  const names = shortNames(files);
  const saveTo = (file: string, name: string): string | undefined => {
    if (values.check) return undefined;
    return values['in-place'] ? file : path.join(values['output-dir'] ?? '.cache/notebooks', name);
  };

  const started = performance.now();
  const results = await pool(files, Math.max(1, parallel), (file, index) =>
    run(execute, {
      file,
      saveTo: saveTo(file, names[index]),
      prefix: files.length > 1 ? `${names[index]} ` : '',
      quiet: values.quiet ?? false,
      asTested: values['as-tested'] ?? false,
      signal: stop.signal,
    }),
  );
  clearTimeout(timer);
  if (values.junit) writeJUnit(values.junit, results);
  console.log(`\n${summaryTable(results)}\n`);
  const passed = results.filter(result => result.passed).length;
  console.log(`${passed} of ${results.length} notebooks passed in ${seconds(performance.now() - started)}`);
  if (stop.signal.aborted && !interrupted()) console.log(chalk.red(`Stopped by --total-timeout ${total}`));
  if (interrupted()) return 130;
  return passed === results.length ? 0 : 1;
}

async function run(execute: Partial<ExecuteOptions>, job: Job): Promise<NotebookResult> {
  const { file, saveTo, signal } = job;
  const say = (text: string): void => (job.quiet ? undefined : console.log(job.prefix + text));
  let total = 0;
  let done = 0;
  const hooks: ExecuteHooks = {
    saveTo,
    signal,
    onStart: cells => void (total = cells.length),
    onCellEnd: cell => say(cellLine(cell, ++done, total)),
  };
  let result: NotebookResult;
  try {
    if (signal.aborted) throw new NbtestError('aborted', 'Not run: the run was stopped before');
    say(chalk.bold(saveTo ? `${file} → ${saveTo}` : file));
    const notebook = readNotebook(file);
    const parameters: JsonObject = {
      ...(job.asTested && testParameters(notebook.metadata)),
      ...execute.parameters,
    };
    result = await executeNotebook(notebook, file, { ...execute, parameters }, hooks);
  } catch (error) {
    if (!(error instanceof NbtestError)) throw error;
    const notebook = { nbformat: 4 as const, nbformat_minor: 5, metadata: {}, cells: [] };
    result = { path: file, passed: false, cells: [], failure: startFailure(error), duration: 0, notebook };
  }
  if (!result.passed) console.error(failureText(result));
  return result;
}

function testParameters(metadata: JsonObject): JsonObject {
  const { parameters } = settings(metadata);
  return isObject(parameters) ? parameters : {};
}

/** The first signal stops the cells, the second the program; tells whether there was one. */
function stopOnSignals(stop: AbortController): () => boolean {
  let count = 0;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (++count > 1) process.exit(130);
      console.error(`\n${signal}: stopping; what was done is kept`);
      stop.abort();
    });
  }
  return () => count > 0;
}

async function pool<In, Out>(
  items: readonly In[],
  width: number,
  work: (item: In, index: number) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}

main().then(
  status => process.exit(status),
  (error: unknown) => {
    if (!(error instanceof NbtestError)) throw error;
    console.error(error.code === 'usage' ? `${error.message}\n(--help lists the options)` : error.message);
    process.exit(2);
  },
);
