/** Data behind a parameter of a program: on the host until it is first needed, then on the device. */
import { type PjrtBuffer, type PjrtClient, type PjrtType } from './pjrt';
import { type DType, type Source, type TensorType, sizeOf } from './hlo';

const BYTES: Record<DType, number> = {
  pred: 1,
  s8: 1,
  u8: 1,
  bf16: 2,
  f16: 2,
  s32: 4,
  u32: 4,
  f32: 4,
  s64: 8,
  u64: 8,
  f64: 8,
  c64: 8,
};

/** Bytes that an array of this type takes. */
export function byteLength(type: TensorType): number {
  return sizeOf(type.shape) * BYTES[type.dtype];
}

/** Bytes now held on the device by all arrays. */
export const deviceMemory = { bytes: 0, arrays: 0 };

export class DeviceArray implements Source {
  private freed = false;
  /** The same data on further devices: the second, the third, … */
  private copies: PjrtBuffer[] = [];

  private constructor(
    readonly type: TensorType,
    private buffer: PjrtBuffer | undefined,
    private host: ArrayBufferView | undefined,
  ) {
    if (buffer) count(type, 1);
  }

  /** Host data, uploaded when a program first needs it. The array must not be changed afterwards. */
  static fromHost(type: TensorType, data: ArrayBufferView): DeviceArray {
    return new DeviceArray(type, undefined, data);
  }

  static fromBuffer(type: TensorType, buffer: PjrtBuffer): DeviceArray {
    return new DeviceArray(type, buffer, undefined);
  }

  /** An array that every device holds: its buffers on the first device, the second, … */
  static fromBuffers(type: TensorType, [first, ...others]: readonly PjrtBuffer[]): DeviceArray {
    const array = new DeviceArray(type, first, undefined);
    array.copies = others;
    count(type, others.length);
    return array;
  }

  /** The host's copy, while it has not gone to the device. */
  get hostData(): ArrayBufferView | undefined {
    return this.host;
  }

  /** The device buffer; uploads on first use. */
  onDevice(client: PjrtClient): PjrtBuffer {
    if (!this.buffer) {
      this.buffer = client.fromHost(this.host!, this.type.dtype as PjrtType, this.type.shape);
      this.host = undefined;
      count(this.type, 1);
    }
    return this.buffer;
  }

  /** The buffers on the client's first `devices` devices; copies to those that don't have the data yet. */
  onDevices(client: PjrtClient, devices: number): PjrtBuffer[] {
    const first = this.onDevice(client);
    for (let device = this.copies.length + 1; device < devices; device++) {
      this.copies.push(client.copy(first, device));
      count(this.type, 1);
    }
    return [first, ...this.copies].slice(0, devices);
  }

  /** Blocks until the program that computes the data is done, or has failed. */
  wait(): void {
    try {
      this.buffer?.completion().wait();
    } catch {
      // whoever reads the data is told
    }
  }

  free(): void {
    if (this.freed) return;
    this.freed = true;
    if (this.buffer) {
      const buffers = [this.buffer, ...this.copies];
      buffers.forEach(buffer => buffer.destroy());
      count(this.type, -buffers.length);
    }
    this.host = undefined;
  }
}

function count(type: TensorType, buffers: number): void {
  deviceMemory.bytes += buffers * byteLength(type);
  deviceMemory.arrays += buffers;
}
