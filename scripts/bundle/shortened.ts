/** Errors for a terminal of which only so much comes back: XLA's may quote a whole program. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { inspect } from 'node:util';
import { UserError } from '../../src/errors';
import { XlaError } from '../../src/xla';

const LOG = 'failures.log';
/** Characters of an error that are said. */
const MOST = 1_500;

/**
 * What is to be said of an error: the message of one that can be mended, the stack of a defect. What is too long is cut, and added whole
 * to failures.log.
 * @param folder of the log
 */
export function shortened(error: unknown, folder: string): string {
  const text = error instanceof UserError || error instanceof XlaError ? error.message : inspect(error);
  if (text.length <= MOST) return text;
  return `${text.slice(0, MOST)} … (${text.length} characters, ${keep(text, folder)})`;
}

/** Says where the text is kept. */
function keep(text: string, folder: string): string {
  const file = path.join(folder, LOG);
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.appendFileSync(file, `${new Date().toISOString()} ${text}\n\n`);
    return `all of them in ${file}`;
  } catch (failure) {
    return `not kept: ${(failure as Error).message}`;
  }
}
