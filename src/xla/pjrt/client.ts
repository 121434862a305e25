/** A plugin's client: devices, uploads, compilation. */
import { XlaError } from '../errors';
import { addressOf, bytesAt, PjrtApi, slotOf, struct, textAt } from './api';
import { awaitEventSync, PjrtBuffer } from './buffer';
import { PjrtExecutable } from './executable';
import { type CompileOptions, PJRT_TYPES, type PjrtDevice, type PjrtType, type Plugin } from './types';

/** CompileOptionsProto: any device, one replica, one partition. */
const COMPILE_OPTIONS = Buffer.from('1a0f08ffffffffffffffffff0120012801', 'hex');
/** PJRT_HostBufferSemantics_kImmutableOnlyDuringCall. */
const COPIED_DURING_CALL = 0;

export class PjrtClient {
  readonly platformName: string;
  readonly platformVersion: string;
  readonly devices: readonly PjrtDevice[];
  private readonly deviceHandles: readonly bigint[];

  private constructor(
    private readonly api: PjrtApi,
    private readonly handle: bigint,
  ) {
    this.platformName = this.text('Client_PlatformName');
    this.platformVersion = this.text('Client_PlatformVersion');
    const said = api.call('Client_AddressableDevices', struct(handle, 0, 0));
    const list = Buffer.from(bytesAt(slotOf(said, 1), 8 * Number(slotOf(said, 2))));
    this.deviceHandles = Array.from({ length: list.length / 8 }, (_, i) => list.readBigUInt64LE(8 * i));
    this.devices = this.deviceHandles.map(device => this.describe(device));
  }

  /**
   * Loads a plugin and opens its client.
   * @throws XlaError when the library, its version or the hardware refuses
   */
  static create(
    plugin: Plugin,
    options: Record<string, string | number | boolean | number[]> = {},
  ): PjrtClient {
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
    const [unknown] = Object.keys(options);
    if (unknown) throw new XlaError(`Client option "${unknown}" is not passed to plugins yet: leave it out.`);
    const api = new PjrtApi(plugin.path);
    const args = api.call('Client_Create', struct(0, 0, 0, 0, 0, 0, 0, 0, 0));
    return new PjrtClient(api, slotOf(args, 6));
  }

  get apiVersion(): { readonly major: number; readonly minor: number } {
    return this.api.version;
  }

  private text(name: 'Client_PlatformName' | 'Client_PlatformVersion'): string {
    const said = this.api.call(name, struct(this.handle, 0, 0));
    return textAt(slotOf(said, 1), slotOf(said, 2));
  }

  private describe(device: bigint): PjrtDevice {
    const description = slotOf(this.api.call('Device_GetDescription', struct(device, 0)), 1);
    const text = (name: 'DeviceDescription_Kind' | 'DeviceDescription_ToString') => {
      const said = this.api.call(name, struct(description, 0, 0));
      return textAt(slotOf(said, 1), slotOf(said, 2));
    };
    const id = Number(slotOf(this.api.call('DeviceDescription_Id', struct(description, 0)), 1) & 0xffffffffn);
    return { id, kind: text('DeviceDescription_Kind'), description: text('DeviceDescription_ToString') };
  }

  private compileArgs(mlir: string): { args: Buffer; keepAlive: Buffer[] } {
    const [code, format] = [Buffer.from(mlir, 'utf8'), Buffer.from('mlir')];
    const program = struct(addressOf(code), code.length, addressOf(format), format.length);
    const args = struct(
      this.handle,
      addressOf(program),
      addressOf(COMPILE_OPTIONS),
      COMPILE_OPTIONS.length,
      0,
    );
    return { args, keepAlive: [code, format, program] };
  }

  /** Compiles StableHLO text. */
  compile(mlir: string, _options?: CompileOptions): PjrtExecutable {
    const { args, keepAlive } = this.compileArgs(mlir);
    this.api.call('Client_Compile', args);
    keepAlive.length = 0;
    return new PjrtExecutable(this.api, slotOf(args, 4));
  }

  /** As `compile`, off the event loop. */
  async compileAsync(mlir: string, _options?: CompileOptions): Promise<PjrtExecutable> {
    const { args, keepAlive } = this.compileArgs(mlir);
    await this.api.callAsync('Client_Compile', args);
    keepAlive.length = 0;
    return new PjrtExecutable(this.api, slotOf(args, 4));
  }

  /** Uploads row-major data; the array may be changed afterwards. */
  fromHost(data: ArrayBufferView, type: PjrtType, dims: readonly number[], device = 0): PjrtBuffer {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const source = bytes.length > 0 ? bytes : new Uint8Array(1);
    const sizes = Buffer.alloc(8 * Math.max(1, dims.length));
    dims.forEach((n, i) => sizes.writeBigInt64LE(BigInt(n), 8 * i));
    const args = struct(
      ...[this.handle, addressOf(source), PJRT_TYPES.indexOf(type) + 1, addressOf(sizes), dims.length, 0, 0],
      ...[COPIED_DURING_CALL, this.deviceHandles[device], 0, 0, 0, 0],
    );
    this.api.hold(source, sizes);
    this.api.call('Client_BufferFromHostBuffer', args);
    awaitEventSync(this.api, slotOf(args, 11));
    return new PjrtBuffer(this.api, slotOf(args, 12), type, dims);
  }

  /** Closes the client; destroy its buffers and programs first. */
  close(): void {
    this.api.call('Client_Destroy', struct(this.handle));
  }
}
