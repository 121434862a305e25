/** Compiled programs. */
import { hloText } from './hloText';
import { type PjrtApi } from './api';
import { PjrtBuffer } from './buffer';
import { addressOf, bytesAt, pointers, slotOf, struct, textAt } from './memory';
import { PJRT_TYPES } from './types';

/** Bytes that a program takes on one device, as its compiler planned it. */
export interface ProgramMemory {
  readonly code: number;
  readonly arguments: number;
  readonly outputs: number;
  /** Of the outputs, what takes the memory of an argument. */
  readonly aliased: number;
  readonly temporary: number;
}

export interface ExecuteOptions {
  /** Indices of arguments whose memory is not to be given away in this call. */
  readonly keep?: readonly number[];
}

/** A compiled program, on no device yet. */
export class PjrtProgram {
  constructor(
    protected readonly api: PjrtApi,
    /** PJRT_Executable*. */
    private readonly executable: bigint,
  ) {}

  get outputCount(): number {
    return Number(slotOf(this.api.call('Executable_NumOutputs', struct(this.executable, 0)), 1));
  }

  /**
   * The compiled program as bytes that `PjrtClient.load` takes, on the same kind of device and plugin.
   * @throws PjrtError where the plugin can't
   */
  serialize(): Uint8Array {
    const said = this.api.call('Executable_Serialize', struct(this.executable, 0, 0, 0, 0));
    try {
      return bytesAt(slotOf(said, 1), Number(slotOf(said, 2)));
    } finally {
      if (slotOf(said, 4)) this.api.callAt(slotOf(said, 4), slotOf(said, 3));
    }
  }

  /** What the program takes of a device's memory; undefined where the plugin doesn't say. */
  memory(): ProgramMemory | undefined {
    const name = 'Executable_GetCompiledMemoryStats';
    if (!this.api.has(name)) return undefined;
    try {
      const said = this.api.call(name, struct(this.executable, ...(Array(11).fill(0) as number[])));
      const [code, inputs, outputs, aliased, temporary] = [1, 2, 3, 4, 5].map(i => Number(slotOf(said, i)));
      return { code, arguments: inputs, outputs, aliased, temporary };
    } catch {
      return undefined;
    }
  }

  /** XLA's program after its passes, as the plugin prints it. */
  optimizedProgram(): string {
    const program = struct(0, 0, 0, 0);
    const args = struct(this.executable, addressOf(program));
    this.api.hold(program);
    this.api.call('Executable_OptimizedProgram', args);
    const code = Buffer.alloc(Number(slotOf(program, 1)));
    program.writeBigUInt64LE(addressOf(code), 16);
    this.api.hold(program, code);
    this.api.call('Executable_OptimizedProgram', args);
    return hloText(code, textAt(slotOf(program, 2), slotOf(program, 3)));
  }

  destroy(): void {
    this.api.call('Executable_Destroy', struct(this.executable));
  }
}

/** A program on the devices that it was compiled for. */
export class PjrtExecutable extends PjrtProgram {
  private readonly outputs: number;
  private shapes: { type: PjrtBuffer['type']; dims: number[] }[] | undefined;
  private gone = false;

  constructor(
    api: PjrtApi,
    /** PJRT_LoadedExecutable*. */
    private readonly handle: bigint,
  ) {
    super(api, slotOf(api.call('LoadedExecutable_GetExecutable', struct(handle, 0)), 1));
    this.outputs = this.outputCount;
  }

  /** Starts the program on its one device; its results may still be under way. */
  execute(args: readonly PjrtBuffer[], options: ExecuteOptions = {}): PjrtBuffer[] {
    return this.executeParts([args], options)[0];
  }

  /**
   * Starts a partitioned program on all of its devices.
   * @param parts for each device, in the order of the compilation, its part of every argument
   * @returns for each device its part of every result
   */
  executeParts(parts: readonly (readonly PjrtBuffer[])[], options: ExecuteOptions = {}): PjrtBuffer[][] {
    const { lists, call, keepAlive } = this.prepare(parts, options.keep ?? []);
    this.api.call('LoadedExecutable_Execute', call);
    keepAlive.length = 0;
    return lists.map(list => this.wrap(list));
  }

  private prepare(parts: readonly (readonly PjrtBuffer[])[], keep: readonly number[]) {
    const lists = parts.map(() => pointers(Array<bigint>(this.outputs).fill(0n)));
    const inputs = parts.map(args => pointers(args.map(buffer => buffer.handle)));
    const [inputLists, outputLists] = [pointers(inputs.map(addressOf)), pointers(lists.map(addressOf))];
    const kept = pointers(keep.map(BigInt));
    // send/recv callbacks and their counts, launch id, kept indices and their count; the rest stays empty
    const options = struct(0, 0, 0, 0, 0, keep.length ? addressOf(kept) : 0, keep.length);
    const call = struct(
      ...[this.handle, addressOf(options), addressOf(inputLists), parts.length, parts[0].length],
      ...[addressOf(outputLists), 0, 0],
    );
    return { lists, call, keepAlive: [...inputs, inputLists, outputLists, kept, options] };
  }

  private wrap(list: Buffer): PjrtBuffer[] {
    const handles = Array.from({ length: this.outputs }, (_, i) => list.readBigUInt64LE(8 * i));
    this.shapes ??= handles.map(handle => this.shapeOf(handle));
    return handles.map(
      (handle, i) => new PjrtBuffer(this.api, handle, this.shapes![i].type, this.shapes![i].dims),
    );
  }

  private shapeOf(handle: bigint): { type: PjrtBuffer['type']; dims: number[] } {
    const type = Number(slotOf(this.api.call('Buffer_ElementType', struct(handle, 0)), 1) & 0xffffffffn);
    const said = this.api.call('Buffer_Dimensions', struct(handle, 0, 0));
    const count = Number(slotOf(said, 2));
    const bytes = Buffer.from(bytesAt(slotOf(said, 1), 8 * count));
    return {
      type: PJRT_TYPES[type - 1],
      dims: Array.from({ length: count }, (_, i) => Number(bytes.readBigInt64LE(8 * i))),
    };
  }

  override destroy(): void {
    if (this.gone) return;
    this.gone = true;
    super.destroy();
    this.api.call('LoadedExecutable_Destroy', struct(this.handle));
  }
}
