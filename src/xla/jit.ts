/**
 * jit: a whole function over tensors and variables as one XLA program.
 *
 * The function is run once on tensors without data (a trace); the graph that its kernels record is compiled. Variables
 * that it reads become inputs, variables that it assigns become outputs whose old memory is given away (donation), so
 * that weights and optimizer state never leave the device. Later calls with arguments of the same shapes only run the
 * program. Other shapes, or other plain values among the arguments, trace anew.
 */
import { type Tensor, engine, env, tidy } from '@tensorflow/tfjs-core';
import { XlaBackend } from './backend';
import { debugsNaNs } from './debug';
import { attributesText } from './deferred';
import { XlaError } from './errors';
import { type CutOptions, type Value } from './hlo';
import { precisionPolicy } from './kernels/precision';
import { canStart, compileParts, compilePartsAsync } from './parts';
import { type Sharding } from './sharding';
import { flatten } from './structure';
import { type Trace, fits, record, retained, run } from './trace';

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

/** A call that may be started. `release` is to be called when it has been. */
interface Prepared {
  readonly trace: Trace;
  readonly backend: XlaBackend;
  readonly given: readonly Value[];
  readonly release: () => void;
}

export interface Jit<A extends unknown[], R> {
  /** Runs the function; the results are tensors whose computation may still be under way. */
  (...args: A): R;
  /**
   * As the call, but compiles off the event loop and resolves when the results are computed. Variables are read and written when the program is
   * started: at once where it is compiled, else later, but calls are started in their order. Until a call has resolved don't assign them.
   */
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

/**
 * Compiles `fn` for the backend `xla`; on any other backend, and inside of a gradient, the function simply runs.
 *
 * What `fn` takes from outside of its arguments is looked at once, but for the values of variables: a learning rate set later, or an optimizer's
 * `setWeights`, which puts new variables in the place of the old, are not seen. Make `jit(fn)` anew then.
 */
export function jit<A extends unknown[], R>(fn: (...args: A) => R, options: JitOptions = {}): Jit<A, R> {
  const traces = new Map<string, Trace>();
  const made: Trace[] = [];
  /** The arguments of the traces: their types and plain values. */
  const seen = new Set<string>();
  let count = 0;
  const name = options.name ?? (fn.name || 'jit');
  const tellTrace =
    options.onTrace ??
    ((reason: string): void => {
      if (count > 0) console.warn(`jit(${name}) is traced and compiled again: ${reason}`);
    });

  const reasonFor = (types: string, kinds: readonly string[]): string => {
    if (seen.size === 0) return 'first call';
    return seen.has(types) ? 'new precision' : `new arguments (${kinds.join(', ') || 'plain values'})`;
  };

  const prepare = (args: A): Prepared => {
    const { backend, backendName } = engine();
    if (!(backend instanceof XlaBackend))
      throw new XlaError(
        `jit(${name}): only the back end xla makes programs to be read, and ${backendName} is in use: tf.setBackend('xla').`,
      );
    const { tensors, structure } = flatten(args);
    // Held until the call is over: settling one may be the end of another that shares its data.
    const given = tensors.map(t => retained(backend.settle(t)));
    const kinds = tensors.map((t, i) => `${t.dtype}:${given[i].dtype}[${t.shape}]`);
    const types = `${kinds.join(' ')} ${attributesText(structure)}`;
    const key = `${precisionPolicy()} ${types}`;
    const release = (): void => given.forEach(value => value.release());
    const known = traces.get(key);
    if (known && fits(known, backend)) return { trace: known, backend, given, release };
    try {
      tellTrace(known ? 'a variable is stored as another type' : reasonFor(types, kinds));
      seen.add(types);
      const trace = record(backend, fn, args, { ...options, name });
      traces.set(key, trace);
      made.push(trace);
      count++;
      return { trace, backend, given, release };
    } catch (error) {
      release();
      throw error;
    }
  };

  const refuseForeign = ({ runtime }: XlaBackend): void => {
    const { platform } = options;
    if (platform === undefined || platform === runtime.client.platformName) return;
    throw new XlaError(
      `jit(${name}) is written for ${platform}, and the plugin in use is for ${runtime.client.platformName}: its program can be read (.stablehlo), not run.`,
    );
  };

  /** Whether the function is compiled. Not where each operation is looked at: for its gradient, by the profiler, in search of NaNs. */
  const onXla = (): boolean => {
    const { backend, state } = engine();
    const watched = state.gradientDepth > 0 || state.profiling || env().getBool('DEBUG') || debugsNaNs();
    return backend instanceof XlaBackend && !watched;
  };

  const call = (...args: A): R => {
    if (!onXla()) return plain(fn, args);
    if ((engine().backend as XlaBackend).tracing) return fn(...args);
    const { trace, backend, given, release } = prepare(args);
    try {
      refuseForeign(backend);
      compileParts(backend.runtime, trace.parts);
      return run(backend, trace, given) as R;
    } finally {
      release();
    }
  };

  const start = async (args: A): Promise<{ result: R; awaited: Tensor[] }> => {
    if (!onXla()) {
      const result = plain(fn, args);
      return { result, awaited: flatten([result]).tensors };
    }
    const { trace, backend, given, release } = prepare(args);
    const { runtime, starts } = backend;
    const others = trace.captured.map(retained); // the function itself may be gone by then
    try {
      refuseForeign(backend);
      const compile = canStart(runtime, trace.parts)
        ? undefined
        : () => compilePartsAsync(runtime, trace.parts);
      const result = await starts.run(() => run(backend, trace, given) as R, compile);
      const all = [...flatten([result]).tensors, ...trace.assigned];
      return { result, awaited: trace.awaited.map(i => all[i]) };
    } finally {
      release();
      others.forEach(value => value.release());
    }
  };

  const launch = async (...args: A): Promise<R> => (await start(args)).result;

  const asynchronous = async (...args: A): Promise<R> => {
    const { result, awaited } = await start(args);
    await ready(awaited);
    return result;
  };

  const stablehlo = (args: A): string => {
    const { trace, release } = prepare(args);
    release();
    return [...new Set(trace.parts.map(part => part.text))].join('\n');
  };

  const optimized = (args: A): string => {
    const { trace, backend, release } = prepare(args);
    release();
    refuseForeign(backend);
    const programs = new Set(compileParts(backend.runtime, trace.parts));
    return [...programs].map(({ executable }) => executable.optimizedProgram()).join('\n');
  };

  forgotten.register(call, made);
  return Object.defineProperties(call, {
    async: { value: asynchronous },
    launch: { value: launch },
    stablehlo: { value: (...args: A) => stablehlo(args) },
    optimized: { value: (...args: A) => optimized(args) },
    traces: { get: () => count },
  }) as unknown as Jit<A, R>;
}

/** When a function is collected, what it captured is let go. */
const forgotten = new FinalizationRegistry<readonly Trace[]>(traces =>
  traces.flatMap(({ captured }) => captured).forEach(value => value.release()),
);

function plain<A extends unknown[], R>(fn: (...args: A) => R, args: A): R {
  return tidy(() => fn(...args) as never) as R;
}

/**
 * Resolves when the tensors in `result` (a tensor, or an array or object with tensors in it) are computed, without reading them; JAX's `block_until_ready`.
 * Errors of the device come here at the latest.
 */
export async function ready(result: unknown): Promise<void> {
  const wait = (t: Tensor): Promise<unknown> => {
    const { backend } = engine();
    return backend instanceof XlaBackend && backend.data.has(t.dataId) ? backend.ready(t.dataId) : t.data();
  };
  await Promise.all(flatten([result]).tensors.map(wait));
}
