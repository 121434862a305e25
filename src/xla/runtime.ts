/** Compiles and runs programs on one PJRT client; programs are kept by their text. */
import { lowered, structureOf } from './deferred';
import { DeviceArray } from './deviceArray';
import { dump } from './dump';
import { XlaError } from './errors';
import { type ExecutableCache } from './executableCache';
import {
  type DType,
  type Module,
  type ModuleOptions,
  type ProgramText,
  type TensorType,
  type Value,
  printModule,
} from './hlo';
import { joinCalls } from './native/join';
import {
  type CompileOptions,
  type Completion,
  type PjrtBuffer,
  type PjrtClient,
  type PjrtExecutable,
} from './pjrt';
import { Recent } from './recent';

/** Bytes of temporary memory from which programs on a CPU run one at a time: each that waits has its memory already. */
const LARGE = 2 ** 28;

export interface Program {
  readonly executable: PjrtExecutable;
  readonly outputs: readonly TensorType[];
  /** Whether it must not be started before the one before is done, see `LARGE`. */
  readonly alone: boolean;
}

/** What the runtime has done since it was made. */
export interface RuntimeStats {
  compiled: number;
  /** Programs that were not compiled but taken from the disk. */
  loaded: number;
  executed: number;
  /** Milliseconds of compiling and loading. */
  compileMs: number;
}

export class Runtime {
  /** Platform that programs are written for, as plugins name it: `XLA_WRITE_FOR` or the client's, except while `jit` records for another. */
  platform: string;
  readonly stats: RuntimeStats = { compiled: 0, loaded: 0, executed: 0, compileMs: 0 };
  private readonly programs: Recent<string, Program>;
  /** By a graph's structure its text, and which of the structure's parameters are the program's. */
  private readonly printed: Recent<string, { text: string; order: readonly number[] }>;
  private readonly pending = new Map<string, Promise<Program>>();
  /** Of the program under way that runs alone, by device: its end. */
  private underWay: Completion[] = [];

  constructor(
    readonly client: PjrtClient,
    private readonly compileOptions: CompileOptions = {},
    /** Programs on disk; without it each process compiles its own. */
    private readonly disk?: ExecutableCache,
    /** Element types that the kernels of native/ compute with, which programs may call; none while `jit` records for several devices. */
    public native: readonly DType[] = [],
    /** Programs kept in memory, where a small one takes one to two megabytes. */
    limit = 512,
  ) {
    this.programs = new Recent(limit, ({ executable }) => executable.destroy());
    this.printed = new Recent(limit);
    this.platform = process.env.XLA_WRITE_FOR || client.platformName;
  }

  /** Text and parameters of the program that computes `roots`. */
  module(roots: readonly Value[], options?: ModuleOptions): Module {
    const join = this.native.length > 0 ? joinCalls : undefined;
    return printModule(lowered(roots), { writeOnce: this.platform === 'cpu', join, ...options });
  }

  /** As `module`, without printing anew what has been printed for a graph of the same structure. */
  knownModule(roots: readonly Value[]): Module {
    const structure = structureOf(roots);
    if (!structure) return this.module(roots);
    const { parameters } = structure;
    const key = `${this.platform} ${structure.key}`;
    const known = this.printed.get(key);
    if (known) return { text: known.text, parameters: known.order.map(i => parameters[i]) };
    const module = this.module(roots);
    const places = new Map(parameters.map((p, i) => [p, i] as const));
    this.printed.set(key, { text: module.text, order: module.parameters.map(p => places.get(p)!) });
    return module;
  }

  /** The program, if it is in memory. */
  known({ text }: ProgramText): Program | undefined {
    return this.programs.get(text);
  }

  compile(module: ProgramText, outputs: readonly TensorType[]): Program {
    const known = this.programs.get(module.text);
    if (known) return known;
    const start = performance.now();
    const options = this.optionsOf(module);
    const stored = this.disk?.load(module.text, options);
    const executable = stored ?? this.explain(module, () => this.client.compile(module.text, options));
    return this.keep(module, executable, outputs, start, stored !== undefined);
  }

  /** As `compile`, off the event loop. */
  async compileAsync(module: ProgramText, outputs: readonly TensorType[]): Promise<Program> {
    const known = this.programs.get(module.text);
    if (known) return known;
    const underWay = this.pending.get(module.text);
    if (underWay) return underWay;
    const promise = this.make(module, outputs).finally(() => this.pending.delete(module.text));
    this.pending.set(module.text, promise);
    return promise;
  }

  private async make(module: ProgramText, outputs: readonly TensorType[]): Promise<Program> {
    const start = performance.now();
    const options = this.optionsOf(module);
    const stored = await this.disk?.loadAsync(module.text, options);
    const executable =
      stored ?? (await this.explain(module, () => this.client.compileAsync(module.text, options)));
    const first = this.programs.get(module.text); // compiled meanwhile, for a caller that could not wait
    if (first) executable.destroy();
    return first ?? this.keep(module, executable, outputs, start, stored !== undefined);
  }

  /** Starts the program and returns its results, which may still be under way; reading one waits for it. */
  execute(program: Program, inputs: readonly PjrtBuffer[], keep?: readonly number[]): DeviceArray[] {
    const [buffers] = this.start(program, () => [
      program.executable.execute(inputs, keep ? { keep } : undefined),
    ]);
    return buffers.map((buffer, i) => DeviceArray.fromBuffer(program.outputs[i], buffer));
  }

  /** Resolves when programs can be started without blocking: see `start`. */
  async turn(programs: readonly Program[]): Promise<void> {
    if (programs.some(({ alone }) => alone)) await Promise.all(this.underWay.map(end => end.ready()));
  }

  /** Calls `run`, which starts the program and gives the results by device; one that runs alone waits for the one before. */
  start(program: Program, run: () => PjrtBuffer[][]): PjrtBuffer[][] {
    this.stats.executed++;
    if (!program.alone) return run();
    this.underWay.splice(0).forEach(end => end.wait());
    const results = run();
    this.underWay = results.flatMap(([first]) => (first ? [first.completion()] : []));
    return results;
  }

  private optionsOf({ partitions }: ProgramText): CompileOptions {
    return partitions ? { ...this.compileOptions, partitions } : this.compileOptions;
  }

  private keep(
    module: ProgramText,
    executable: PjrtExecutable,
    outputs: readonly TensorType[],
    start: number,
    loaded: boolean,
  ): Program {
    dump(module.text);
    const ms = performance.now() - start;
    this.stats[loaded ? 'loaded' : 'compiled']++;
    this.stats.compileMs += ms;
    if (!loaded) this.disk?.store(module.text, this.optionsOf(module), executable, ms);
    const alone = this.client.platformName === 'cpu' && (executable.memory()?.temporary ?? 0) >= LARGE;
    const program = {
      ...{ executable, alone },
      outputs: outputs.map(o => ({ dtype: o.dtype, shape: o.shape })),
    };
    this.programs.set(module.text, program);
    return program;
  }

  private explain<T>(module: ProgramText, compile: () => T): T {
    const wrap = (error: unknown): never => {
      const message = error instanceof Error ? error.message : String(error);
      const failure = new XlaError(`XLA did not compile the program: ${message}`, { cause: error });
      (failure as XlaError & { program?: string }).program = module.text;
      throw failure;
    };
    try {
      const result = compile();
      return result instanceof Promise ? (result.catch(wrap) as T) : result;
    } catch (error) {
      return wrap(error);
    }
  }
}
