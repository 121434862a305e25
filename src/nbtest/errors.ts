import { types } from 'node:util';

/** What went wrong, for callers that branch on it. */
export type NbtestErrorCode =
  | 'notebook' // the file cannot be read as a notebook
  | 'kernelspec' // no such kernel, or a broken kernel.json
  | 'start' // the kernel was launched and never became ready
  | 'died' // the kernel's process ended by itself
  | 'timeout' // a cell or notebook ran past its limit
  | 'flood' // a cell printed more than the limit
  | 'stdin' // a cell asked for keyboard input
  | 'protocol' // the kernel sent a message that cannot be read
  | 'cell' // the cell's code failed
  | 'output' // fresh outputs differ from the stored ones
  | 'parameters' // a parameter cannot be injected
  | 'aborted' // the caller gave up
  | 'usage'; // wrong arguments to nbtest itself

/** An error whose message is complete by itself: it names the thing and the mend, and needs no stack. */
export class NbtestError extends Error {
  override readonly name = 'NbtestError';
  constructor(
    readonly code: NbtestErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  // Not instanceof: under jest Node's own errors are of another realm.
  return types.isNativeError(error) ? error.message : String(error);
}
