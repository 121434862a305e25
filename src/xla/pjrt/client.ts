/** A plugin's client: devices, uploads, compilation. */
import { XlaError } from '../errors';
import { PjrtApi } from './api';
import { awaitEventSync, PjrtBuffer } from './buffer';
import { type CompileOptions } from './compileOptions';
import { PjrtExecutable } from './executable';
import { registerHandlers, registerSlot } from './foreign';
import { addressOf, pointersAt, slotOf, struct, textAt } from './memory';
import { type NamedValue, readNamedValues, writeNamedValues } from './namedValues';
import { librariesBefore, platformOptions, prepareEnvironment } from './platform';
import { probe } from './probe';
import { compileError, encodeProgram } from './program';
import {
  type ClientOptions,
  type DeviceMemory,
  PJRT_TYPES,
  type PjrtDevice,
  type PjrtType,
  type Plugin,
} from './types';

/** PJRT_HostBufferSemantics_kImmutableOnlyDuringCall. */
const COPIED_DURING_CALL = 0;

export class PjrtClient {
  readonly platformName: string;
  readonly platformVersion: string;
  readonly devices: readonly PjrtDevice[];
  /** What the plugin says of itself, e.g. `stablehlo_current_version: [1, 20, 0]`, `xla_version`. */
  readonly attributes: Readonly<Record<string, NamedValue>>;
  private readonly deviceHandles: readonly bigint[];

  private constructor(
    private readonly api: PjrtApi,
    private readonly handle: bigint,
    readonly plugin: Plugin,
  ) {
    this.platformName = this.text('Client_PlatformName');
    this.platformVersion = this.text('Client_PlatformVersion');
    const said = api.call('Client_AddressableDevices', struct(handle, 0, 0));
    this.deviceHandles = pointersAt(slotOf(said, 1), Number(slotOf(said, 2)));
    this.devices = this.deviceHandles.map(device => this.describe(device));
    const attributes = api.call('Plugin_Attributes', struct(0, 0));
    this.attributes = readNamedValues(slotOf(attributes, 0), Number(slotOf(attributes, 1)));
  }

  /**
   * Loads a plugin and opens its client.
   * @throws XlaError when the library, its version or the hardware refuses
   */
  static create(plugin: Plugin, options: ClientOptions = {}): PjrtClient {
    prepareEnvironment(plugin);
    const reason = probe(plugin);
    if (reason) throw new XlaError(`The plugin ${plugin.path} can't be used: ${reason}.`);
    const api = new PjrtApi(plugin.path, librariesBefore(plugin));
    const list = writeNamedValues({ ...platformOptions(plugin), ...options });
    api.hold(list.bytes, list.keep);
    const given = list.count > 0 ? addressOf(list.bytes) : 0;
    const args = api.call('Client_Create', struct(given, list.count, 0, 0, 0, 0, 0, 0, 0));
    return new PjrtClient(api, slotOf(args, 6), plugin);
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

  /** Memory of a device, by its place in `devices`; undefined where the plugin doesn't say (CPU). */
  deviceMemory(device = 0): DeviceMemory | undefined {
    if (!this.api.has('Device_MemoryStats')) return undefined;
    try {
      const unset = Array(21).fill(0) as number[];
      const said = this.api.call('Device_MemoryStats', struct(this.deviceHandles[device], ...unset));
      const optional = (i: number) =>
        (slotOf(said, i + 1) & 0xffn) === 0n ? undefined : Number(slotOf(said, i));
      return { inUse: Number(slotOf(said, 1)), peak: optional(2), limit: optional(8) };
    } catch {
      return undefined;
    }
  }

  private compileArgs(mlir: string, options?: CompileOptions): { args: Buffer; keepAlive: Buffer[] } {
    const { slots, keepAlive } = encodeProgram(this.plugin, mlir, options);
    return { args: struct(this.handle, ...slots, 0), keepAlive };
  }

  /** @throws XlaError when its programs can call no functions of ours */
  requireForeign(): void {
    registerSlot(this.api);
  }

  /**
   * Has programs know handlers of a library, each by its function's name: see foreign.ts.
   * @throws XlaError, PjrtError where the plugin can't
   */
  registerHandlers(library: string, names: readonly string[]): void {
    registerHandlers(this.api, this.plugin.path, library, names);
  }

  /** Compiles StableHLO text. */
  compile(mlir: string, options?: CompileOptions): PjrtExecutable {
    const { args, keepAlive } = this.compileArgs(mlir, options);
    try {
      this.api.call('Client_Compile', args);
    } catch (error) {
      throw compileError(this.plugin, error, options);
    }
    keepAlive.length = 0;
    return new PjrtExecutable(this.api, slotOf(args, 4));
  }

  /** As `compile`, off the event loop. */
  async compileAsync(mlir: string, options?: CompileOptions): Promise<PjrtExecutable> {
    const { args, keepAlive } = this.compileArgs(mlir, options);
    await this.api.callAsync('Client_Compile', args).catch((error: unknown) => {
      throw compileError(this.plugin, error, options);
    });
    keepAlive.length = 0;
    return new PjrtExecutable(this.api, slotOf(args, 4));
  }

  /** Loads a program that `PjrtExecutable.serialize` gave, in this process or another. */
  load(serialized: Uint8Array): PjrtExecutable {
    const args = struct(this.handle, addressOf(serialized), serialized.length, 0, 0, 0);
    this.api.hold(serialized);
    this.api.call('Executable_DeserializeAndLoad', args);
    return new PjrtExecutable(this.api, slotOf(args, 3));
  }

  /** As `load`, off the event loop. */
  async loadAsync(serialized: Uint8Array): Promise<PjrtExecutable> {
    const args = struct(this.handle, addressOf(serialized), serialized.length, 0, 0, 0);
    const keepAlive = [serialized];
    await this.api.callAsync('Executable_DeserializeAndLoad', args);
    keepAlive.length = 0;
    return new PjrtExecutable(this.api, slotOf(args, 3));
  }

  /** Uploads row-major data to a device, by its place in `devices`; the array may be changed afterwards. */
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

  /** A copy on another device, by its place in `devices`. */
  copy(buffer: PjrtBuffer, device: number): PjrtBuffer {
    return buffer.copyTo(this.deviceHandles[device]);
  }

  /** Closes the client; destroy its buffers and programs first. */
  close(): void {
    this.api.call('Client_Destroy', struct(this.handle));
  }
}
