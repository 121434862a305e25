/** Devices that need not be there: programs are compiled for them, not run. */
import { PjrtApi } from './api';
import { type CompileOptions } from './compileOptions';
import { PjrtProgram } from './executable';
import { addressOf, slotOf, struct } from './memory';
import { type NamedValue, writeNamedValues } from './namedValues';
import { librariesBefore, prepareEnvironment } from './platform';
import { compileError, encodeProgram } from './program';
import { type Plugin } from './types';

/** Options of a plugin's topology by name; CUDA's wants `{ topology: '1x1x1', target_config: … }`. */
export type TopologyOptions = Readonly<Record<string, NamedValue>>;

export class PjrtTopology {
  private constructor(
    private readonly api: PjrtApi,
    private readonly handle: bigint,
    private readonly plugin: Plugin,
  ) {}

  /**
   * Loads a plugin and describes devices to it. Unlike for a client, no device is opened.
   * @throws XlaError when the library or its version refuses; PjrtError when the description does not suffice
   */
  static create(plugin: Plugin, name: string, options: TopologyOptions): PjrtTopology {
    prepareEnvironment(plugin);
    const api = new PjrtApi(plugin.path, librariesBefore(plugin));
    const list = writeNamedValues(options);
    const title = Buffer.from(name, 'utf8');
    api.hold(list.bytes, list.keep, title);
    const args = struct(addressOf(title), title.length, addressOf(list.bytes), list.count, 0);
    return new PjrtTopology(api, slotOf(api.call('TopologyDescription_Create', args), 4), plugin);
  }

  get apiVersion(): { readonly major: number; readonly minor: number } {
    return this.api.version;
  }

  /** Compiles StableHLO text for these devices, off the event loop. */
  async compile(mlir: string, options?: CompileOptions): Promise<PjrtProgram> {
    const { slots, keepAlive } = encodeProgram(this.plugin, mlir, options);
    const args = struct(this.handle, ...slots, 0, 0);
    await this.api.callAsync('Compile', args).catch((error: unknown) => {
      throw compileError(this.plugin, error, options);
    });
    keepAlive.length = 0;
    return new PjrtProgram(this.api, slotOf(args, 5));
  }
}
