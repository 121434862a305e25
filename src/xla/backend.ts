/**
 * The TensorFlow.js backend `xla`.
 *
 * Kernels do not compute: they extend a graph of StableHLO values. Reading a tensor compiles what it needs into one
 * program – together with every other live tensor on the way, so that nothing is computed twice –, runs it, and turns
 * those values into parameters of what follows. Programs are kept by their text, so a loop compiles once.
 */
import {
  type BackendValues,
  type DataType,
  DataStorage,
  KernelBackend,
  type TensorInfo,
  engine,
  util,
} from '@tensorflow/tfjs-core';
import { Calls } from './deferred';
import { DeviceArray, deviceMemory } from './deviceArray';
import { XlaError } from './errors';
import { type DType, type Value, constant, dependencies, parameter, reshape } from './hlo';
import { InOrder } from './inOrder';
import { type PjrtBuffer } from './pjrt';
import { type Runtime } from './runtime';

/** The name under which TensorFlow.js knows the backend. */
export const BACKEND = 'xla';

type DataId = object;

type TensorLike = Pick<TensorInfo, 'dataId' | 'shape'>;

interface Entry {
  readonly dtype: DataType;
  refCount: number;
  /** Numbers, on the graph or on the device. */
  value?: Value;
  /** Strings stay on the host, as tfjs encodes them (UTF-8). */
  strings?: Uint8Array[];
}

/** Kernels recorded, at least, before a new outermost scope starts what has been recorded so far. */
const FLUSH_AT_SCOPE = 100;
/** Kernels recorded before everything is started in any case: compile time grows faster than a program. */
const FLUSH_ALWAYS = 600;
/** Host arrays up to this many bytes are kept on the host until a program needs them. */
const SMALL = 1 << 16;

/** Host arrays of at most this many elements become literals of a traced program. */
const LITERAL = 16;

/** How the device stores tfjs's types. */
export const STORAGE: Partial<Record<DataType, DType>> = {
  float32: 'f32',
  int32: 's32',
  bool: 'pred',
  complex64: 'c64',
};

/** Whether a value stands for an argument of a function that is, or was, recorded: it has no data. */
const isPlaceholder = (v: Value): boolean =>
  v.op === 'region_parameter' || (v.op === 'parameter' && !(v.source instanceof DeviceArray));

/** Whether all elements are one number: such a value is sooner made again than kept. */
const isFilled = ({ op, operands: [x] }: Value): boolean =>
  op === 'constant' || (op === 'broadcast_in_dim' && x.op === 'parameter' && x.size === 1);

export class XlaBackend extends KernelBackend {
  readonly data = new DataStorage<Entry>(this, engine());
  /** Values that can't be computed: of tensors that a recorded function kept, or too large, or refused by the compiler. */
  private readonly escaped = new WeakSet<Value>();
  /** Kernels that have been called, see deferred.ts. */
  readonly calls = new Calls();
  /** Calls of jit functions that wait to be started. */
  readonly starts = new InOrder();
  /** While jit records a function: the values that have no data then, its arguments' and the variables'. */
  unknown?: ReadonlySet<Value>;
  private readonly live = new Map<Value, number>();
  /** Kernels since everything pending was started. */
  private recorded = 0;
  /** Resolves when the values that were read last are being computed. */
  private computing?: Promise<void>;
  private rootScope: unknown;

  constructor(readonly runtime: Runtime) {
    super();
  }

  // ---------------------------------------------------------------- entries

  /** A new tensor that stands for `value`; `dtype` is what tfjs takes it for. */
  makeTensorInfo(value: Value, dtype: DataType): TensorInfo {
    const dataId: DataId = {};
    this.data.set(dataId, { dtype, refCount: 1 });
    this.setValue(dataId, value);
    return { dataId, shape: [...value.shape], dtype };
  }

  /** The value behind data; tensors of several shapes may share it. */
  stored(dataId: DataId): Value {
    const value = this.data.get(dataId).value;
    if (!value) throw new XlaError('A tensor of strings has no value on the device.');
    return value;
  }

  /** The value of a tensor, in its shape. */
  getValue({ dataId, shape }: TensorLike): Value {
    return reshape(this.stored(dataId), shape);
  }

  /** As `getValue`; from now on the data are stored in this shape, so that reading them takes no program of its own. */
  settle(tensor: TensorLike): Value {
    const value = this.getValue(tensor);
    if (value !== this.stored(tensor.dataId)) this.setValue(tensor.dataId, value);
    return value;
  }

  /** A tensor of another shape that shares the data. */
  view({ dataId, dtype }: TensorInfo, shape: readonly number[]): TensorInfo {
    this.incRef(dataId);
    return { dataId, shape: [...shape], dtype };
  }

  /** Lets a tensor stand for another value. */
  setValue(dataId: DataId, value: Value): void {
    const entry = this.data.get(dataId);
    value.retain();
    this.live.set(value, (this.live.get(value) ?? 0) + 1);
    if (entry.value) this.drop(entry.value);
    entry.value = value;
  }

  private drop(value: Value): void {
    const left = this.live.get(value)! - 1;
    if (left > 0) this.live.set(value, left);
    else this.live.delete(value);
    value.release();
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    const dataId: DataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: DataId,
    values: BackendValues,
    shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    if (dtype === 'string') {
      this.data.set(dataId, { dtype, refCount, strings: values as Uint8Array[] });
      return;
    }
    this.data.set(dataId, { dtype, refCount });
    this.setValue(dataId, this.fromHost(values as ArrayLike<number>, shape, STORAGE[dtype]!));
  }

  /** A parameter that holds these numbers; the array may be changed afterwards. */
  fromHost(values: ArrayLike<number>, shape: readonly number[], dtype: DType): Value {
    const type = { dtype, shape: [...shape] };
    // Within a trace they would never change: they become part of the program.
    if (this.tracing && values.length <= LITERAL && dtype !== 'c64') return constant(values, type);
    const data = toStorage(values, dtype);
    const copy = data.byteLength <= SMALL && (data as unknown) === values ? data.slice() : data;
    const array = DeviceArray.fromHost(type, copy);
    if (data.byteLength > SMALL) array.onDevice(this.runtime.client);
    return parameter(type, array);
  }

  override refCount(dataId: DataId): number {
    return this.data.has(dataId) ? this.data.get(dataId).refCount : 0;
  }

  override incRef(dataId: DataId): void {
    this.data.get(dataId).refCount++;
  }

  override disposeData(dataId: DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const entry = this.data.get(dataId);
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    if (entry.value) this.drop(entry.value);
    this.data.delete(dataId);
    return true;
  }

  override numDataIds(): number {
    return this.data.numDataIds();
  }

  // ---------------------------------------------------------------- reading

  override readSync(dataId: DataId): BackendValues {
    const entry = this.data.get(dataId);
    if (entry.strings) return entry.strings;
    const value = entry.value!;
    this.refuseUnknown(value);
    this.compute(value);
    const array = value.source as DeviceArray;
    if (array.hostData) return fromStorage(array.hostData, entry.dtype, value.dtype).slice();
    return fromStorage(array.onDevice(this.runtime.client).toHost(), entry.dtype, value.dtype);
  }

  override async read(dataId: DataId): Promise<BackendValues> {
    const entry = this.data.get(dataId);
    if (entry.strings) return entry.strings;
    const value = entry.value!;
    this.refuseUnknown(value);
    value.retain();
    try {
      await this.computeAsync(value);
      const array = value.source as DeviceArray;
      if (array.hostData) return fromStorage(array.hostData, entry.dtype, value.dtype).slice();
      return fromStorage(await array.onDevice(this.runtime.client).toHostAsync(), entry.dtype, value.dtype);
    } finally {
      value.release();
    }
  }

  /** Resolves when the tensor has been computed. */
  async ready(dataId: DataId): Promise<void> {
    const value = this.stored(dataId);
    value.retain();
    try {
      await this.computeAsync(value);
      await this.done(value);
    } finally {
      value.release();
    }
  }

  /**
   * Computes a value that is read, and with it all that is pending: what a loop updates beside the tensor that it reads, an optimizer's
   * variables beside the loss, would else be computed at each reading from the loop's beginning on.
   */
  private compute(value: Value): void {
    if (value.op !== 'parameter' && !this.tracing) this.flush();
    this.materialize([value]); // if it can't be computed, this tells why
  }

  /** As `compute`, compiling off the event loop; what is read meanwhile is computed together. */
  private async computeAsync(value: Value): Promise<void> {
    while (value.op !== 'parameter' && this.computing) await this.computing;
    if (value.op !== 'parameter' && !this.tracing) {
      this.recorded = 0;
      this.computing = this.materializeAsync(this.pending())
        .catch(() => void this.flush())
        .finally(() => (this.computing = undefined));
      await this.computing;
    }
    await this.materializeAsync([value]);
  }

  /** Resolves when the computation of a value that was started is done. */
  private async done({ source }: Value): Promise<void> {
    const array = source as DeviceArray;
    if (!array.hostData) await array.onDevice(this.runtime.client).ready();
  }

  /** Whether jit records a function. */
  get tracing(): boolean {
    return this.unknown !== undefined;
  }

  /** Whether the value depends neither on arguments nor on variables of the function that jit records. */
  isKnown(value: Value): boolean {
    const seen = new Set<Value>([value]);
    for (const v of seen) {
      if (v.op === 'region_parameter' || this.unknown?.has(v)) return false;
      for (const operand of dependencies(v)) seen.add(operand);
    }
    return true;
  }

  private refuseUnknown(value: Value): void {
    if (!this.tracing || this.isKnown(value)) return;
    throw new XlaError(
      'Tensor data was read inside jit(): while a function is recorded its arguments, the variables and what is computed from them ' +
        'have no data. Return the tensor and read it outside, or compute with tensor operations.',
    );
  }

  /** Called before each kernel: starts what was recorded when a step of the user's loop seems to be over. */
  beforeKernel(): void {
    if (this.tracing) return;
    const scope = engine().state.scopeStack[1] ?? engine().state.scopeStack[0];
    this.recorded++;
    if ((this.recorded >= FLUSH_AT_SCOPE && scope !== this.rootScope) || this.recorded >= FLUSH_ALWAYS)
      this.flush();
    this.rootScope = scope;
  }

  /**
   * Starts the computation of every live tensor that has not been computed. Those that can't be are left: whoever reads one is told why.
   * @returns for each program that was started one of its values
   */
  flush(): Value[] {
    this.recorded = 0;
    return this.startAll(this.pending());
  }

  /** What is live and has not been computed, but for what can't be, or is sooner made again than kept. */
  private pending(): Value[] {
    return [...this.live.keys()].filter(v => v.op !== 'parameter' && !isFilled(v) && !this.escaped.has(v));
  }

  private startAll(values: readonly Value[]): Value[] {
    const pending = values.filter(v => v.op !== 'parameter');
    if (pending.length === 0) return [];
    try {
      this.materialize(pending);
      return [pending[0]];
    } catch {
      if (pending.length > 1) {
        const half = Math.ceil(pending.length / 2);
        return [...this.startAll(pending.slice(0, half)), ...this.startAll(pending.slice(half))];
      }
      this.escaped.add(pending[0]);
      return [];
    }
  }

  /** Computes the values, which then are parameters. Returns when the computation has started. */
  materialize(values: readonly Value[]): void {
    const roots = this.withLiveValues(values);
    if (roots.length === 0) return;
    const module = this.runtime.knownModule(roots);
    const program = this.runtime.compile(module, roots);
    const outputs = this.runtime.execute(program, this.buffers(module.parameters));
    roots.forEach((root, i) => root.bind(outputs[i]));
  }

  /** As `materialize`, compiling off the event loop. */
  async materializeAsync(values: readonly Value[]): Promise<void> {
    const roots = this.withLiveValues(values);
    if (roots.length === 0) return;
    const module = this.runtime.knownModule(roots);
    const used = [...roots, ...module.parameters];
    used.forEach(v => v.retain());
    try {
      await this.runtime.turn([await this.runtime.compileAsync(module, roots)]);
      const program = this.runtime.compile(module, roots); // there, unless it was evicted meanwhile
      const outputs = this.runtime.execute(program, this.buffers(module.parameters));
      roots.forEach((root, i) => (root.op === 'parameter' ? outputs[i].free() : root.bind(outputs[i])));
    } finally {
      used.forEach(v => v.release());
    }
  }

  /** Device buffers behind parameters. */
  buffers(parameters: readonly Value[]): PjrtBuffer[] {
    if (parameters.some(isPlaceholder))
      throw new XlaError(
        'A tensor that was made inside a jit function is used after it, and has no data. Return it from the function instead of keeping it.',
      );
    return parameters.map(p => (p.source as DeviceArray).onDevice(this.runtime.client));
  }

  /** The values not yet computed, and all live tensors that they are computed from. */
  private withLiveValues(values: readonly Value[]): Value[] {
    const roots = new Set<Value>();
    const seen = new Set<Value>();
    const stack = values.filter(v => v.op !== 'parameter');
    stack.forEach(v => roots.add(v));
    for (let v = stack.pop(); v; v = stack.pop()) {
      if (seen.has(v)) continue;
      seen.add(v);
      if (this.live.has(v) && !isFilled(v)) roots.add(v);
      for (const operand of dependencies(v)) if (operand.op !== 'parameter') stack.push(operand);
    }
    return [...roots];
  }

  /** Blocks until all programs are done whose results are live, or will be needed for what is. */
  finish(): void {
    const seen = new Set(this.live.keys());
    for (const value of seen) {
      if (value.source instanceof DeviceArray) value.source.wait();
      for (const operand of dependencies(value)) seen.add(operand);
    }
  }

  // ---------------------------------------------------------------- the rest of tfjs's contract

  override memory(): { unreliable: boolean; numBytesOnDevice: number; numArraysOnDevice: number } {
    return {
      unreliable: false,
      numBytesOnDevice: deviceMemory.bytes,
      numArraysOnDevice: deviceMemory.arrays,
    };
  }

  override timerAvailable(): boolean {
    return true;
  }

  /** Wall time of `f`, which is called at once, and of everything that it recorded, until that is computed. */
  override async time(f: () => void): Promise<{ kernelMs: number }> {
    if (!this.tracing) this.flush();
    const start = util.now();
    f();
    if (!this.tracing) await Promise.all(this.flush().map(v => this.done(v)));
    return { kernelMs: util.now() - start };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  /** tfjs has forgotten all tensors (`tf.engine().reset()`): their memory is freed. */
  override dispose(): void {
    for (const [value, tensors] of this.live) for (let i = 0; i < tensors; i++) value.release();
    this.live.clear();
  }
}

/** The array as the device stores it. */
function toStorage(values: ArrayLike<number>, dtype: DType): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'f32' || dtype === 'c64')
    return values instanceof Float32Array ? values : Float32Array.from(values);
  if (dtype === 's32') return values instanceof Int32Array ? values : Int32Array.from(values);
  if (dtype === 'u8') return values instanceof Uint8Array ? values : Uint8Array.from(values);
  return Uint8Array.from(values, x => (x ? 1 : 0));
}

/** The array as tfjs hands it out for `dtype`. */
function fromStorage(
  bytes: ArrayBufferView,
  dtype: DataType,
  storage: DType,
): Float32Array | Int32Array | Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes;
  if (storage === 'f32' || storage === 'c64') return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (storage === 's32') return new Int32Array(buffer, byteOffset, byteLength / 4);
  const small = new Uint8Array(buffer, byteOffset, byteLength);
  if (storage === 'pred') return small;
  if (storage === 'u8') return dtype === 'int32' ? Int32Array.from(small) : Float32Array.from(small);
  if (storage === 'bf16') {
    const bits = new Uint32Array(byteLength / 2);
    new Uint16Array(buffer, byteOffset, byteLength / 2).forEach((half, i) => (bits[i] = half << 16));
    return new Float32Array(bits.buffer);
  }
  throw new XlaError(`Data of type ${storage} cannot be read as ${dtype}.`);
}
