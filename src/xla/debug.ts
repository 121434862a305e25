/** Finding the operation that made the first NaN, or that the device failed in. */
import { type TensorInfo } from '@tensorflow/tfjs-core';
import { type XlaBackend } from './backend';
import { XlaError } from './errors';
import { PjrtError } from './pjrt';

let enabled = false;

/**
 * With `true`, every operation is computed at once, and the first whose result holds a NaN that its inputs did not
 * hold throws an XlaError that names it and the line of your program that called it; so does the first for which the
 * device's memory does not suffice. `jit` and `scan` then run operation by operation. Slow; meant for finding a mistake.
 */
export function debugNaNs(on: boolean): void {
  enabled = on;
}

/** Whether `debugNaNs(true)` holds. */
export function debugsNaNs(): boolean {
  return enabled;
}

const holdsNaN = (backend: XlaBackend, { dataId }: TensorInfo): boolean =>
  (backend.readSync(dataId) as Float32Array).some(x => Number.isNaN(x));

/** Frames of Node.js, of packages (also under their source maps' names) and of the engine itself. */
const FOREIGN =
  /[\\/]node_modules[\\/]|[\\/]tfjs-[\w-]+[\\/]src[\\/]|[\\/]src[\\/]xla[\\/]|\(node:|[( ]<anonymous>/;

/** A frame in a notebook's cell, which tslab runs as a script without a name: the function, and the line of the JavaScript that the cell became. */
const CELL = /^(?:(.+) \()?evalmachine\.<anonymous>:(\d+):\d+\)?$/;

/** The innermost line of the user's program on the stack, e.g. "train.ts:12:3". */
function callerLine(): string {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 60;
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  Error.stackTraceLimit = stackTraceLimit;
  const own = lines.find(line => !FOREIGN.test(line));
  const frame = own?.trim().replace(/^at (async )?/, '') ?? 'an unknown line';
  const [, name, line] = CELL.exec(frame) ?? [];
  return line ? `${name ? `${name}, ` : ''}line ${line} of the cell (of its JavaScript)` : frame;
}

/** @throws XlaError when an output holds a NaN and no input does, or the device failed to compute it */
export function checkOutputs(
  kernel: string,
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
  backend: XlaBackend,
): void {
  const call = (): string => `${kernel}(${inputs.map(x => `${x.dtype} [${x.shape}]`).join(', ')})`;
  let made: boolean;
  try {
    made = outputs.some(y => holdsNaN(backend, y)) && !inputs.some(x => holdsNaN(backend, x));
  } catch (error) {
    if (!(error instanceof PjrtError)) throw error;
    throw new XlaError(`${call()} failed, called at ${callerLine()}: ${error.message}`, { cause: error });
  }
  if (made) throw new XlaError(`${call()} gave NaN from inputs without NaN, called at ${callerLine()}.`);
}
