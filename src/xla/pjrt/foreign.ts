/** Foreign functions: handlers in a library of one's own that programs call (xla/ffi, and PJRT's extension xla/pjrt/extensions/ffi). */
import { XlaError } from '../errors';
import { type PjrtApi, loadForGood } from './api';
import { addressOf, pointers } from './memory';

/** PJRT_Extension_Type_FFI. */
const EXTENSION = 5;
/** Its slot of PJRT_FFI_Extension. */
const REGISTER_HANDLER = 5;
/** Bytes of PJRT_FFI_Register_Handler_Args, which has no slot for extensions. */
const ARGUMENTS = 56n;
/** What XLA calls the CPU here. */
const PLATFORM = 'Host';

/** Names that a plugin, by its path, has handlers for: XLA keeps them as long as the process lives. */
const registered = new Map<string, Set<string>>();

/** @throws XlaError when the plugin knows no foreign functions */
export function registerSlot(api: PjrtApi): bigint {
  const register = api.extensionSlot(EXTENSION, REGISTER_HANDLER);
  if (!register) throw new XlaError('the plugin knows no foreign functions');
  return register;
}

/**
 * Registers functions of a library, each under its own name, for programs on the CPU.
 * @param plugin path of the plugin that `api` is of
 * @throws XlaError when the plugin knows no foreign functions, or the library does not load; PjrtError when the plugin refuses one
 */
export function registerHandlers(
  api: PjrtApi,
  plugin: string,
  library: string,
  names: readonly string[],
): void {
  const known = registered.get(plugin) ?? new Set<string>();
  registered.set(plugin, known);
  const missing = names.filter(name => !known.has(name));
  if (missing.length === 0) return;
  const register = registerSlot(api);
  const functions = loadForGood(library);
  for (const name of missing) {
    const [target, platform] = [Buffer.from(name), Buffer.from(PLATFORM)];
    const handler = functions.symbol(name);
    const slots = [addressOf(target), BigInt(target.length), handler, addressOf(platform)];
    api.hold(target, platform);
    api.callFunction(
      `FFI_Register_Handler(${name})`,
      register,
      pointers([ARGUMENTS, ...slots, BigInt(platform.length), 0n]),
    );
    known.add(name);
  }
}
