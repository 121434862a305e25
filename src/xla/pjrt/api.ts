/** Calls into a PJRT plugin: the C API of OpenXLA, xla/pjrt/c/pjrt_c_api.h. Every function returns an error or null. */
import * as koffi from 'koffi';
import { XlaError } from '../errors';
import { failure } from './failure';
import { bytesAt, slotOf, struct, textAt } from './memory';
import { Turns } from './turns';

/** Position of each function pointer in PJRT_Api, in slots of 8 bytes; new ones are only added at the end. */
const SLOTS = {
  Error_Destroy: 5,
  Error_Message: 6,
  Error_GetCode: 7,
  Plugin_Initialize: 8,
  Plugin_Attributes: 9,
  Event_Destroy: 10,
  Event_Await: 13,
  Client_Create: 15,
  Client_Destroy: 16,
  Client_PlatformName: 17,
  Client_PlatformVersion: 19,
  Client_AddressableDevices: 21,
  Client_Compile: 25,
  Client_BufferFromHostBuffer: 27,
  DeviceDescription_Id: 28,
  DeviceDescription_Kind: 31,
  DeviceDescription_ToString: 33,
  Device_GetDescription: 34,
  Device_MemoryStats: 39,
  Executable_Destroy: 45,
  Executable_NumOutputs: 49,
  Executable_OptimizedProgram: 53,
  Executable_Serialize: 54,
  LoadedExecutable_Destroy: 55,
  LoadedExecutable_GetExecutable: 56,
  LoadedExecutable_Execute: 60,
  Executable_DeserializeAndLoad: 61,
  Buffer_Destroy: 63,
  Buffer_ElementType: 64,
  Buffer_Dimensions: 65,
  Buffer_CopyToDevice: 74,
  Buffer_ToHostBuffer: 75,
  Buffer_ReadyEvent: 77,
  TopologyDescription_Create: 87,
  Compile: 94,
  Executable_GetCompiledMemoryStats: 101,
} as const;

export type FunctionName = keyof typeof SLOTS;

/**
 * koffi calls on stacks of its own, by default of 128 KiB beside the event loop. XLA's compilers for GPUs run LLVM on the
 * calling thread, which needs what a thread commonly has. 16 MiB is koffi's limit.
 */
export const STACK = 16 * 2 ** 20;

/** @throws XlaError when somebody else has loaded a library through koffi before, with smaller stacks */
function enlargeStacks(): void {
  const { sync_stack_size = 0, async_stack_size = 0 } = koffi.config();
  if (Math.min(sync_stack_size, async_stack_size) >= STACK) return;
  try {
    koffi.config({ sync_stack_size: STACK, async_stack_size: STACK });
  } catch {
    throw new XlaError(
      'koffi has already loaded a library, with stacks too small for XLA. Import the xla back end before, or call ' +
        `koffi.config({ sync_stack_size: ${STACK}, async_stack_size: ${STACK} }) first.`,
    );
  }
}
enlargeStacks();

const SLOT = 8;
/** The plugin's functions share this type. */
const prototype = koffi.proto('void*', ['void*']);
/** koffi refuses calls beside the event loop when there are too many; libuv, whose threads make them, has four. */
const asynchronous = new Turns(32);
/** dlopen's flag for binding all symbols at once, on Linux and macOS. */
const RTLD_NOW = 2;

/** A loaded library: its functions by their C declarations, and addresses by name. */
export interface Library {
  func(declaration: string): (...args: unknown[]) => unknown;
  symbol(name: string): bigint;
}

/**
 * Loads a library for as long as the process lives. koffi closes its libraries when Node ends; a plugin's code would be
 * gone before its own handlers of the process's end are called, and its threads still run.
 */
export function loadForGood(path: string): Library {
  const library = koffi.load(path);
  if (process.platform !== 'win32')
    koffi.load(null).func('void* dlopen(const char* path, int flags)')(path, RTLD_NOW);
  return library;
}

/** A function of the plugin, called here or beside the event loop. */
interface PjrtFunction {
  (args: Buffer): bigint | null;
  async(args: Buffer, done: (error: Error | null, result: bigint | null) => void): void;
}

/** One plugin's function table. */
export class PjrtApi {
  readonly version: { readonly major: number; readonly minor: number };
  private readonly functions = new Map<FunctionName, PjrtFunction>();
  private readonly table: Buffer;
  /** Never read: what is held is not collected. */
  protected held: unknown[] = [];

  /**
   * Loads a plugin that is known not to crash (see probe.ts).
   * @param before libraries that it needs; one that does not load is left to the plugin to complain of
   * @throws XlaError if the library does not load or is no PJRT plugin
   */
  constructor(path: string, before: readonly string[] = []) {
    for (const library of before) {
      try {
        loadForGood(library);
      } catch {
        // the plugin names what it misses
      }
    }
    let table: bigint;
    try {
      table = loadForGood(path).func('void* GetPjrtApi()')() as bigint;
    } catch (error) {
      throw new XlaError(`${path} does not load as a PJRT plugin: ${(error as Error).message}`);
    }
    if (!table) throw new XlaError(`${path} is no PJRT plugin that works: GetPjrtApi returns nothing.`);
    const size = Buffer.from(bytesAt(table, SLOT)).readBigUInt64LE(0);
    this.table = Buffer.from(bytesAt(table, Number(size)));
    // slots 2…4: the version's own size, its extension pointer, then two ints
    this.version = { major: this.table.readInt32LE(4 * SLOT), minor: this.table.readInt32LE(4 * SLOT + 4) };
    if (this.version.major !== 0) {
      throw new XlaError(
        `${path} speaks PJRT ${this.version.major}.${this.version.minor}; this program knows 0.x.`,
      );
    }
    this.call('Plugin_Initialize', struct());
  }

  /** Whether the plugin has a function; an old one lacks those that were added after it. */
  has(name: FunctionName): boolean {
    const offset = SLOTS[name] * SLOT;
    return offset + SLOT <= this.table.length && this.table.readBigUInt64LE(offset) !== 0n;
  }

  /** Keeps objects whose addresses the next call passes from being collected before it. */
  hold(...objects: unknown[]): void {
    this.held = objects;
  }

  /**
   * Calls a function; its results are in the struct afterwards.
   * @throws PjrtError with the plugin's message; XlaError if the plugin has no such function.
   */
  call(name: FunctionName, args: Buffer): Buffer {
    this.check(name, this.function(name)(args));
    return args;
  }

  /** As `call`, on a thread of its own. */
  async callAsync(name: FunctionName, args: Buffer): Promise<Buffer> {
    const run = this.function(name);
    const result = await asynchronous.take(
      () =>
        new Promise<bigint | null>((resolve, reject) =>
          run.async(args, (error, value) => (error ? reject(error) : resolve(value))),
        ),
    );
    this.check(name, result);
    return args;
  }

  /** A slot of the extension of that type; undefined where the plugin doesn't have it, or an older one that ends before the slot. */
  extensionSlot(type: number, slot: number): bigint | undefined {
    const u64 = (address: bigint, i: number) =>
      Buffer.from(bytesAt(address + BigInt(SLOT * i), SLOT)).readBigUInt64LE();
    for (let at = this.table.readBigUInt64LE(SLOT); at; at = u64(at, 2)) {
      if (Number(u64(at, 1) & 0xffffffffn) !== type) continue;
      return u64(at, 0) >= SLOT * (slot + 1) ? u64(at, slot) || undefined : undefined;
    }
    return undefined;
  }

  /**
   * Calls a function of an extension, which returns an error or null as all others.
   * @throws PjrtError with the plugin's message
   */
  callFunction(name: string, address: bigint, args: Buffer): void {
    this.check(name, koffi.call(address, prototype, args) as bigint | null);
  }

  /** Calls a function that a struct brought, e.g. the one that frees what it points to. */
  callAt(address: bigint, argument: bigint): void {
    koffi.call(address, prototype, argument);
  }

  private function(name: FunctionName): PjrtFunction {
    let found = this.functions.get(name);
    if (!found) {
      if (!this.has(name)) {
        throw new XlaError(
          `The plugin has no PJRT_${name}: its API, ${this.version.major}.${this.version.minor}, is too old for that. Install a newer one.`,
        );
      }
      found = koffi.decode(this.table.readBigUInt64LE(SLOTS[name] * SLOT), prototype) as PjrtFunction;
      this.functions.set(name, found);
    }
    return found;
  }

  private check(name: string, error: bigint | null): void {
    if (!error) return;
    const said = struct(error, 0, 0);
    this.function('Error_Message')(said);
    const message = textAt(slotOf(said, 1), slotOf(said, 2));
    const coded = struct(error, 0);
    this.function('Error_GetCode')(coded);
    const code = Number(slotOf(coded, 1) & 0xffffffffn);
    this.function('Error_Destroy')(struct(error));
    throw failure(name, code, message);
  }
}
