/**
 * jit: a whole function over tensors and variables as one XLA program.
 *
 * The function is run once on tensors without data (a trace); the graph that its kernels record is compiled. Variables
 * that it reads become inputs, variables that it assigns become outputs whose old memory is given away (donation), so
 * that weights and optimizer state never leave the device. Later calls with arguments of the same shapes only run the
 * program. Other shapes, or other plain values among the arguments, trace anew.
 */
import { type Tensor, engine, tidy } from '@tensorflow/tfjs-core';
import { XlaBackend } from './backend';
import { debugsNaNs } from './debug';
import { XlaError } from './errors';
import { type CutOptions } from './hlo';
import { precisionPolicy } from './kernels/precision';
import { compileParts, compilePartsAsync } from './parts';
import { type Sharding } from './sharding';
import { flatten } from './structure';
import { type Trace, record, run } from './trace';

export interface JitOptions {
  /** Names the program in errors and dumps. */
  readonly name?: string;
  /**
   * Called when the function is traced, with the reason: 'first call' or what differs from the calls before. Without
   * it, every trace after the first is told with console.warn.
   */
  readonly onTrace?: (reason: string) => void;
  /** Several devices run the function together; other back ends run it as it is. Default: one device. */
  readonly sharding?: Sharding;
  /** When and how finely a long function is cut at its boundaries (see `boundary`) into several programs. */
  readonly cut?: CutOptions;
  /**
   * Platform that the program is written for, as plugins name it: 'cpu', 'cuda', … Default: that of the plugin in use. Another one's program
   * can be read, not run.
   */
  readonly platform?: string;
}

export interface Jit<A extends unknown[], R> {
  /** Runs the function; the results are tensors whose computation may still be under way. */
  (...args: A): R;
  /** As the call, but compiles off the event loop and resolves when the results are computed. */
  async(...args: A): Promise<R>;
  /** As `async`, but resolves when the computation has started, so that the next call can be prepared meanwhile; see `ready`. */
  launch(...args: A): Promise<R>;
  /**
   * StableHLO text of the program for these arguments; of the distinct ones, where it was cut into several.
   * @throws XlaError on another back end
   */
  stablehlo(...args: A): string;
  /**
   * XLA's optimized program for these arguments.
   * @throws XlaError on another back end
   */
  optimized(...args: A): string;
  /** Number of traces so far. */
  readonly traces: number;
}

/** Compiles `fn` for the backend `xla`; on any other backend the function simply runs. */
export function jit<A extends unknown[], R>(fn: (...args: A) => R, options: JitOptions = {}): Jit<A, R> {
  const traces = new Map<string, Trace>();
  let count = 0;
  const name = options.name ?? (fn.name || 'jit');
  const tellTrace =
    options.onTrace ??
    ((reason: string): void => {
      if (count > 0) console.warn(`jit(${name}) is traced and compiled again: ${reason}`);
    });

  const prepare = (args: A): { trace: Trace; backend: XlaBackend; tensors: Tensor[] } => {
    const { backend, backendName } = engine();
    if (!(backend instanceof XlaBackend))
      throw new XlaError(
        `jit(${name}): only the back end xla makes programs to be read, and ${backendName} is in use: tf.setBackend('xla').`,
      );
    const { tensors, structure } = flatten(args);
    const kinds = tensors.map(t => {
      const v = backend.settle(t);
      return `${t.dtype}:${v.dtype}[${t.shape}]`;
    });
    const key = `${precisionPolicy()} ${kinds.join(' ')} ${JSON.stringify(structure)}`;
    let trace = traces.get(key);
    if (!trace) {
      tellTrace(traces.size === 0 ? 'first call' : `new arguments (${kinds.join(', ') || 'plain values'})`);
      trace = record(backend, fn, args, { ...options, name });
      traces.set(key, trace);
      count++;
    }
    return { trace, backend, tensors };
  };

  const refuseForeign = ({ runtime }: XlaBackend): void => {
    const { platform } = options;
    if (platform === undefined || platform === runtime.client.platformName) return;
    throw new XlaError(
      `jit(${name}) is written for ${platform}, and the plugin in use is for ${runtime.client.platformName}: its program can be read (.stablehlo), not run.`,
    );
  };

  const onXla = (): boolean => engine().backend instanceof XlaBackend && !debugsNaNs();

  const call = (...args: A): R => {
    if (!onXla()) return plain(fn, args);
    if ((engine().backend as XlaBackend).tracing) return fn(...args);
    const { trace, backend, tensors } = prepare(args);
    refuseForeign(backend);
    compileParts(backend.runtime, trace.parts);
    return run(backend, trace, tensors) as R;
  };

  const start = async (args: A): Promise<{ result: R; assigned: readonly Tensor[] }> => {
    if (!onXla()) return { result: plain(fn, args), assigned: [] };
    const { trace, backend, tensors } = prepare(args);
    refuseForeign(backend);
    await compilePartsAsync(backend.runtime, trace.parts);
    return { result: run(backend, trace, tensors) as R, assigned: trace.assigned };
  };

  const launch = async (...args: A): Promise<R> => (await start(args)).result;

  const asynchronous = async (...args: A): Promise<R> => {
    const { result, assigned } = await start(args);
    await ready([result, assigned.slice(0, 1)]); // a program's outputs are there all at once
    return result;
  };

  const stablehlo = (args: A): string =>
    [...new Set(prepare(args).trace.parts.map(part => part.text))].join('\n');

  const optimized = (args: A): string => {
    const { trace, backend } = prepare(args);
    refuseForeign(backend);
    compileParts(backend.runtime, trace.parts);
    const programs = new Set(trace.parts.map(part => part.program!.executable));
    return [...programs].map(executable => executable.optimizedProgram()).join('\n');
  };

  return Object.defineProperties(call, {
    async: { value: asynchronous },
    launch: { value: launch },
    stablehlo: { value: (...args: A) => stablehlo(args) },
    optimized: { value: (...args: A) => optimized(args) },
    traces: { get: () => count },
  }) as unknown as Jit<A, R>;
}

function plain<A extends unknown[], R>(fn: (...args: A) => R, args: A): R {
  return tidy(() => fn(...args) as never) as R;
}

/**
 * Resolves when the tensors in `result` (a tensor, or an array or object with tensors in it) are computed, without reading them; JAX's `block_until_ready`.
 * Errors of the device come here at the latest.
 */
export async function ready(result: unknown): Promise<void> {
  const { backend } = engine();
  const wait = (t: Tensor): Promise<unknown> =>
    backend instanceof XlaBackend ? backend.ready(t.dataId) : t.data();
  await Promise.all(flatten([result]).tensors.map(wait));
}
