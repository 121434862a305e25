/**
 * An error that the reader can mend: its message is one line that names the thing and what to do.
 * The command line prints it without a stack; everything else is a defect of ours and keeps its stack.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
}
