/** A program and its options, as PJRT's two ways to compile take them. */
import { type CompileOptions, encodeCompileOptions } from './compileOptions';
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
