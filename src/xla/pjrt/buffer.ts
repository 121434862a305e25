/** Arrays on a device. */
import { type PjrtApi } from './api';
import { addressOf, fixedStruct, setSlot, slotOf, struct } from './memory';
import { type PjrtType, TYPE_BYTES } from './types';

/** The struct of calls with one handle. A training step frees hundreds of arrays. */
const ONE = struct(0);

/** Waits for an event on a thread of the pool, then frees it. */
async function awaitEvent(api: PjrtApi, event: bigint): Promise<void> {
  if (!event) return;
  try {
    await api.callAsync('Event_Await', struct(event));
  } finally {
    api.call('Event_Destroy', struct(event));
  }
}

/** As `awaitEvent`, blocking. */
export function awaitEventSync(api: PjrtApi, event: bigint): void {
  if (!event) return;
  try {
    api.call('Event_Await', struct(event));
  } finally {
    api.call('Event_Destroy', struct(event));
  }
}

/**
 * The end of a computation, to be waited for any number of times, whether or not the array is still there. That the computation failed is told to
 * whoever reads its results, not here.
 */
export class Completion {
  private waiting = 0;
  private ended = false;

  constructor(
    private readonly api: PjrtApi,
    /** PJRT_Event*, which this object owns. */
    private readonly event: bigint,
  ) {
    this.ended = !event;
  }

  /** Blocks until the end. */
  wait(): void {
    if (this.ended) return;
    try {
      this.api.call('Event_Await', struct(this.event));
    } catch {
      // see above
    }
    this.end();
  }

  /** Resolves at the end. */
  async ready(): Promise<void> {
    if (this.ended) return;
    this.waiting++;
    try {
      await this.api.callAsync('Event_Await', struct(this.event));
    } catch {
      // see above
    }
    this.waiting--;
    this.end();
  }

  private end(): void {
    if (this.waiting === 0) this.api.call('Event_Destroy', struct(this.event));
    this.ended = true;
  }
}

/** An array on a device. */
export class PjrtBuffer {
  readonly byteLength: number;
  private gone = false;

  constructor(
    private readonly api: PjrtApi,
    /** PJRT_Buffer*. */
    readonly handle: bigint,
    readonly type: PjrtType,
    readonly dims: readonly number[],
  ) {
    this.byteLength = dims.reduce((product, n) => product * n, TYPE_BYTES[type]);
  }

  /** Starts the copy, row-major. */
  private startCopy(): { bytes: Uint8Array; event: bigint } {
    const bytes = new Uint8Array(Math.max(1, this.byteLength));
    const count = this.dims.length;
    // PJRT_Buffer_MemoryLayout, row-major and without tiles: otherwise the host gets the device's own order.
    const minorToMajor = Buffer.alloc(8 * Math.max(1, count));
    for (let i = 0; i < count; i++) minorToMajor.writeBigInt64LE(BigInt(count - 1 - i), 8 * i);
    const tiled = fixedStruct(addressOf(minorToMajor), count, 0, 0, 0);
    const layout = Buffer.concat([fixedStruct(), tiled, Buffer.alloc(8)]); // the last: type 0, tiled
    layout.writeBigUInt64LE(BigInt(layout.length - 4), 0);
    const args = struct(this.handle, count > 0 ? addressOf(layout) : 0, addressOf(bytes), bytes.length, 0);
    this.api.hold(minorToMajor, layout, bytes);
    this.api.call('Buffer_ToHostBuffer', args);
    return { bytes, event: slotOf(args, 4) };
  }

  /** Copies to the host; waits for the computation. */
  toHost(): Uint8Array {
    const { bytes, event } = this.startCopy();
    awaitEventSync(this.api, event);
    return bytes.subarray(0, this.byteLength);
  }

  async toHostAsync(): Promise<Uint8Array> {
    await this.ready();
    return this.toHost();
  }

  /** PJRT_Event*, owned by the caller: the computation that makes this array is done. */
  private readyEvent(): bigint {
    const args = struct(this.handle, 0);
    this.api.call('Buffer_ReadyEvent', args);
    return slotOf(args, 1);
  }

  /** Resolves when the computation that makes this array is done. */
  async ready(): Promise<void> {
    await awaitEvent(this.api, this.readyEvent());
  }

  /** The end of the computation that makes this array. */
  completion(): Completion {
    return new Completion(this.api, this.readyEvent());
  }

  /** The same data on another device of the client; `device` is that device's handle. */
  copyTo(device: bigint): PjrtBuffer {
    const args = this.api.call('Buffer_CopyToDevice', struct(this.handle, device, 0));
    return new PjrtBuffer(this.api, slotOf(args, 2), this.type, this.dims);
  }

  /** Frees the memory; further use is an error of the program. */
  destroy(): void {
    if (this.gone) return;
    this.gone = true;
    setSlot(ONE, 0, this.handle);
    this.api.call('Buffer_Destroy', ONE);
  }
}
