/** Compiled programs. */
import { addressOf, type PjrtApi, bytesAt, slotOf, struct, textAt } from './api';
import { PjrtBuffer } from './buffer';
import { PJRT_TYPES } from './types';

const pointers = (list: readonly bigint[]): Buffer => {
  const bytes = Buffer.alloc(8 * Math.max(1, list.length));
  list.forEach((pointer, i) => bytes.writeBigUInt64LE(pointer, 8 * i));
  return bytes;
};

/** A program on one device. */
export class PjrtExecutable {
  private readonly outputs: number;
  private readonly executable: bigint;
  private shapes: { type: PjrtBuffer['type']; dims: number[] }[] | undefined;

  constructor(
    private readonly api: PjrtApi,
    /** PJRT_LoadedExecutable*. */
    private readonly handle: bigint,
  ) {
    this.executable = slotOf(api.call('LoadedExecutable_GetExecutable', struct(handle, 0)), 1);
    this.outputs = Number(slotOf(api.call('Executable_NumOutputs', struct(this.executable, 0)), 1));
  }

  /**
   * Starts the program; its results may still be under way.
   * @param options.keep indices of arguments whose memory is not to be given away in this call
   */
  execute(args: readonly PjrtBuffer[], options: { keep?: readonly number[] } = {}): PjrtBuffer[] {
    const { list, call, keepAlive } = this.prepare(args, options.keep ?? []);
    this.api.call('LoadedExecutable_Execute', call);
    keepAlive.length = 0;
    return this.wrap(list);
  }

  /** As `execute`, started on a thread of its own. */
  async executeAsync(
    args: readonly PjrtBuffer[],
    options: { keep?: readonly number[] } = {},
  ): Promise<PjrtBuffer[]> {
    const { list, call, keepAlive } = this.prepare(args, options.keep ?? []);
    await this.api.callAsync('LoadedExecutable_Execute', call);
    keepAlive.length = 0;
    return this.wrap(list);
  }

  private prepare(args: readonly PjrtBuffer[], keep: readonly number[]) {
    const list = pointers(Array<bigint>(this.outputs).fill(0n));
    const inputs = pointers(args.map(buffer => buffer.handle));
    const [inputLists, outputLists] = [pointers([addressOf(inputs)]), pointers([addressOf(list)])];
    const kept = pointers(keep.map(BigInt));
    // send/recv callbacks and their counts, launch id, kept indices and their count, then what stays empty: context,
    // call location, tasks (count, ids, incarnations)
    const options = struct(
      ...[0, 0, 0, 0, 0, keep.length ? addressOf(kept) : 0, keep.length],
      ...[0, 0, 0, 0, 0],
    );
    const call = struct(
      ...[
        this.handle,
        addressOf(options),
        addressOf(inputLists),
        1,
        args.length,
        addressOf(outputLists),
        0,
        0,
      ],
    );
    return { list, call, keepAlive: [inputs, inputLists, outputLists, kept, options] };
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

  /** XLA's program after its passes, as the plugin prints it. */
  optimizedProgram(): string {
    const program = struct(0, 0, 0, 0);
    const args = struct(this.executable, addressOf(program));
    this.api.call('Executable_OptimizedProgram', args);
    const code = Buffer.alloc(Number(slotOf(program, 1)));
    program.writeBigUInt64LE(addressOf(code), 16);
    this.api.hold(program, code);
    this.api.call('Executable_OptimizedProgram', args);
    return `${textAt(slotOf(program, 2), slotOf(program, 3))}, ${code.length} bytes\n${code.toString('latin1')}`;
  }

  destroy(): void {
    this.api.call('Executable_Destroy', struct(this.executable));
    this.api.call('LoadedExecutable_Destroy', struct(this.handle));
  }
}
