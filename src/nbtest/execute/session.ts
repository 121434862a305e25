import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, NbtestError } from '../errors';
import { type ExecuteRequest, Kernel, within } from '../kernel/kernel';
import { findKernel } from '../kernel/kernelspec';
import { isObject, type JsonObject } from '../json';
import { type CodeCell, type ErrorOutput, type Notebook, tagsOf } from '../notebook/types';
import { type CellFailure, errorFromStderr, failureOf } from './failure';
import { type ExecuteOptions, cellTimeout } from './options';
import { type CellOutputs, type OutputLimit, OutputRecorder } from './outputs';

/** A notebook with its running kernel: the part that executes single cells. */
export class Session {
  private readonly recorder: OutputRecorder;
  /** The failure that ended the kernel; undefined while it can still be used. */
  private ended?: CellFailure;
  private notebookDeadline: number;

  private constructor(
    readonly kernel: Kernel,
    readonly options: ExecuteOptions,
    started: number,
  ) {
    this.recorder = new OutputRecorder(options.outputLimit);
    this.notebookDeadline = options.timeout > 0 ? started + options.timeout * 1000 : Infinity;
  }

  /** Starts the notebook's kernel. Throws NbtestError 'kernelspec' or 'start'. */
  static async start(notebook: Notebook, path: string, options: ExecuteOptions): Promise<Session> {
    const started = Date.now();
    const name = options.kernelName ?? kernelNameOf(notebook);
    if (!name) {
      const mend = 'choose a kernel in Jupyter and save it, or give the option kernelName';
      throw new NbtestError('kernelspec', `${path} names no kernel in its metadata: ${mend}`);
    }
    const folder = dirname(resolve(path));
    const spec = findKernel(name, { from: folder, kernelDirs: options.kernelDirs });
    const limits = [options.startTimeout, options.timeout].filter(limit => limit > 0);
    const kernel = await Kernel.start(spec, {
      cwd: resolve(options.cwd ?? folder),
      startTimeout: Math.min(...limits) * 1000,
      env: { ...kernelEnvironment(), ...options.env },
    });
    return new Session(kernel, options, started);
  }

  get language(): string {
    return String(this.kernel.kernelInfo.languageInfo.name ?? this.kernel.spec.language);
  }

  /**
   * Runs a code cell and puts its outputs into it. Returns its failure, or undefined if it passed; with the tag
   * `raises-exception` the code must fail.
   */
  async run(cell: CodeCell, onOutput?: () => void, signal?: AbortSignal): Promise<CellFailure | undefined> {
    if (this.ended) return this.ended;
    const outputs = this.recorder.begin(cell);
    const failure = await this.execute(cell, outputs, onOutput, signal);
    if (failure?.code !== 'cell' && failure !== undefined) return failure;
    if (!tagsOf(cell).includes('raises-exception')) return failure;
    if (failure) return undefined;
    return { code: 'cell', message: 'The cell is tagged raises-exception and raised none', trace: '' };
  }

  async close(): Promise<void> {
    await this.kernel.shutdown();
  }

  private async execute(
    cell: CodeCell,
    outputs: CellOutputs,
    onOutput?: () => void,
    signal?: AbortSignal,
  ): Promise<CellFailure | undefined> {
    let stop: (failure: CellFailure) => void = () => undefined;
    const stopped = new Promise<{ failure: CellFailure }>(done => (stop = failure => done({ failure })));
    const request: ExecuteRequest = {
      stopOnError: !tagsOf(cell).includes('raises-exception'),
      onOutput: message => {
        try {
          outputs.record(message);
          onOutput?.();
        } catch (error) {
          stop({ code: 'notebook', message: messageOf(error), trace: '', fatal: true });
        }
        if (outputs.flooded) stop(floodFailure(this.options.outputLimit));
      },
      onInput: prompt => stop(inputFailure(prompt)),
      onUnreadable: ({ code, message }) => stop({ code, message, trace: '' }),
    };
    const abort = (): void =>
      stop({ code: 'aborted', message: 'The run was aborted', trace: '', fatal: true });
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    const timer = this.startTimer(cell, stop);
    const done = this.reply(cell, request);
    try {
      const outcome = await Promise.race([done, stopped]);
      if ('failure' in outcome) return await this.stopCell(outcome.failure, done);
      return await this.judge(cell, outputs, outcome.reply);
    } catch (error) {
      if (!(error instanceof NbtestError)) throw error;
      const message = error.message.replace(/^the kernel/, 'The kernel');
      return (this.ended = { code: error.code, message, trace: '', fatal: true });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  // After an error a kernel may refuse what follows for a moment (tslab for 200 ms): the refused cell did not run.
  private async reply(cell: CodeCell, request: ExecuteRequest): Promise<{ reply: JsonObject }> {
    for (let attempt = 1; ; attempt++) {
      const reply = await this.kernel.execute(cell.source, request);
      const refused = reply.status === 'abort' || reply.status === 'aborted';
      if (!refused || attempt === 20) return { reply };
      await sleep(100);
    }
  }

  private startTimer(cell: CodeCell, stop: (failure: CellFailure) => void): NodeJS.Timeout | undefined {
    const limit = cellTimeout(cell, this.options);
    const own = limit > 0 ? limit * 1000 : Infinity;
    const left = Math.max(0, this.notebookDeadline - Date.now());
    if (own === Infinity && left === Infinity) return undefined;
    const failure: CellFailure =
      own <= left
        ? { code: 'timeout', message: `The cell ran longer than its limit of ${limit} s`, trace: '' }
        : {
            code: 'timeout',
            message: `The notebook ran longer than its limit of ${this.options.timeout} s`,
            trace: '',
            fatal: true,
          };
    return setTimeout(() => stop(failure), Math.min(own, left, longestTimer));
  }

  // Interrupt, wait, kill.
  private async stopCell(failure: CellFailure, done: Promise<unknown>): Promise<CellFailure> {
    this.kernel.interrupt();
    const grace = this.options.interruptGrace;
    const settled = done.then(
      () => true,
      () => true,
    );
    if ((await within(grace * 1000, settled)) === false) {
      const alive = await this.kernel.heartbeat(500);
      const state = alive ? 'its heartbeat answers' : 'its heartbeat is silent too';
      this.kernel.kill();
      const message = `${failure.message}. The kernel did not react to an interrupt within ${grace} s (${state}) and was killed.`;
      return (this.ended = { ...failure, message, fatal: true });
    }
    return failure;
  }

  private async judge(
    cell: CodeCell,
    outputs: CellOutputs,
    reply: JsonObject,
  ): Promise<CellFailure | undefined> {
    if (typeof reply.execution_count === 'number') cell.execution_count = reply.execution_count;
    const silent = ['tslab', 'jslab'].includes(this.kernel.kernelInfo.implementation);
    // Node reports unhandled rejections only after the cell has answered.
    if (silent) await this.kernel.flush(5000);
    const published = cell.outputs.find((output): output is ErrorOutput => output.output_type === 'error');
    if (published) return failureOf(published, cell);
    if (reply.status === 'ok') return silent ? unhandled(cell, outputs) : undefined;
    const error = replyError(reply) ?? errorFromStderr(outputs.text('stderr'));
    // The trace stands on stderr already; the stored error repeats only its head.
    outputs.error({ ...error, traceback: [`${error.ename}: ${error.evalue}`] });
    return failureOf(error, cell);
  }
}

// tslab logs errors that escape from callbacks and promises, and lets the cell pass.
function unhandled(cell: CodeCell, outputs: CellOutputs): CellFailure | undefined {
  const found = /^(UncaughtException|UnhandledPromiseRejection): ([\s\S]*)/m.exec(outputs.text('stderr'));
  if (!found) return undefined;
  const error = errorFromStderr(found[2]);
  const what = found[1] === 'UncaughtException' ? 'Uncaught exception' : 'Unhandled promise rejection';
  const evalue = `${what}: ${error.evalue}`;
  outputs.error({ ...error, evalue, traceback: [`${error.ename}: ${evalue}`] });
  return failureOf({ ...error, evalue }, cell);
}

function replyError(reply: JsonObject): ErrorOutput | undefined {
  if (typeof reply.ename !== 'string') return undefined;
  const traceback = Array.isArray(reply.traceback) ? reply.traceback.map(String) : [];
  return { output_type: 'error', ename: reply.ename, evalue: String(reply.evalue ?? ''), traceback };
}

function floodFailure({ lines, characters }: OutputLimit): CellFailure {
  const message = `The cell put out more than ${lines} lines or ${characters} characters: print less, or raise the output limit`;
  return { code: 'flood', message, trace: '' };
}

function inputFailure(prompt: string): CellFailure {
  const message = `The cell asked for keyboard input (${JSON.stringify(prompt)}), and nobody is there to give it`;
  return { code: 'stdin', message, trace: '' };
}

/** The longest delay that setTimeout takes, milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** The kernel that the notebook's metadata names. */
function kernelNameOf(notebook: Notebook): string | undefined {
  const spec = notebook.metadata.kernelspec;
  return isObject(spec) && typeof spec.name === 'string' ? spec.name : undefined;
}

// Jest marks its processes by variables that a notebook's code must not see.
function kernelEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  if (env.JEST_WORKER_ID !== undefined) {
    delete env.JEST_WORKER_ID;
    if (env.NODE_ENV === 'test') delete env.NODE_ENV;
  }
  return env;
}
