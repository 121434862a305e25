/** Finding the operation that made the first NaN. */
import { type TensorInfo } from '@tensorflow/tfjs-core';
import { type XlaBackend } from './backend';
import { XlaError } from './errors';

let enabled = false;

/**
 * With `true`, every operation is computed at once, and the first whose result holds a NaN that its inputs did not
 * hold throws an XlaError that names it and the line of your program that called it. `jit` and `scan` then run
 * operation by operation. Slow; meant for finding a mistake.
 */
export function debugNaNs(on: boolean): void {
  enabled = on;
}

/** Whether `debugNaNs(true)` holds. */
export function debugsNaNs(): boolean {
  return enabled;
}

const holdsNaN = (backend: XlaBackend, { dataId, dtype }: TensorInfo): boolean =>
  (dtype === 'float32' || dtype === 'complex64') &&
  (backend.readSync(dataId) as Float32Array).some(x => Number.isNaN(x));

/** Frames of Node.js, of packages (also under their source maps' names) and of the engine itself. */
const FOREIGN =
  /[\\/]node_modules[\\/]|[\\/]tfjs-[\w-]+[\\/]src[\\/]|[\\/]src[\\/]xla[\\/]|\(node:|<anonymous>/;

/** The innermost line of the user's program on the stack, e.g. "train.ts:12:3". */
function callerLine(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 60;
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = stackTraceLimit;
  const own = lines.find(line => !FOREIGN.test(line));
  return own?.trim().replace(/^at /, '') ?? 'an unknown line';
}

/** @throws XlaError when an output holds a NaN and no input does */
export function checkForNaN(
  kernel: string,
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
  backend: XlaBackend,
): void {
  if (!outputs.some(y => holdsNaN(backend, y)) || inputs.some(x => holdsNaN(backend, x))) return;
  const shapes = inputs.map(x => `${x.dtype} [${x.shape}]`).join(', ');
  throw new XlaError(`${kernel}(${shapes}) gave NaN from inputs without NaN, called at ${callerLine()}.`);
}
