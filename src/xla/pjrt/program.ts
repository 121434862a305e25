/** A program and its options, as PJRT's two ways to compile take them, and what a compilation that failed may lack. */
import { type CompileOptions, encodeCompileOptions } from './compileOptions';
import { missingTools } from './cudaTools';
import { PjrtError } from './failure';
import { addressOf, struct } from './memory';
import { platformFlags } from './platform';
import { type Plugin } from './types';

/**
 * The slots for StableHLO text and its options, the plugin's own flags included; what they point to must be kept alive until the call
 * is over.
 */
export function encodeProgram(
  plugin: Plugin,
  mlir: string,
  options: CompileOptions = {},
): { slots: (bigint | number)[]; keepAlive: Buffer[] } {
  const [code, format] = [Buffer.from(mlir, 'utf8'), Buffer.from('mlir')];
  const program = struct(addressOf(code), code.length, addressOf(format), format.length);
  const flags = { ...platformFlags(plugin), ...options.flags };
  const encoded = encodeCompileOptions({ ...options, flags });
  const slots = [addressOf(program), addressOf(encoded), encoded.length];
  return { slots, keepAlive: [code, format, program, encoded] };
}

/**
 * The error of a compilation that failed; where tools of XLA's compiler are missing it says so. XLA's own message may not: tuning, it
 * tells only that no kernel could be compiled.
 */
export function compileError(plugin: Plugin, error: unknown, { flags }: CompileOptions = {}): unknown {
  if (!(error instanceof PjrtError) || error.kind !== 'other') return error;
  const ofTools = error.code === 'INTERNAL' || error.code === 'UNAVAILABLE';
  const missing = ofTools ? missingTools(plugin, flags) : undefined;
  return missing ? new PjrtError(`${missing} (${error.message})`, error.code, error.kind) : error;
}
