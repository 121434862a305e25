import * as fs from 'node:fs';
import * as path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../../src/errors';

const queue = z.array(z.string().min(1)).min(1);

/**
 * Reads experiments/queue.yaml: a list of experiment files in the order in which they are to be trained, relative to it.
 * @returns their paths
 * @throws UserError naming the file that is missing or the line that makes no sense
 */
export function readQueue(file: string): string[] {
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`The queue '${file}' can't be read: ${(error as Error).message}.`);
  }
  const checked = queue.safeParse(parse(text));
  if (!checked.success)
    throw new UserError(
      `'${file}' must be a YAML list of experiment files: ${z.prettifyError(checked.error)}`,
    );
  const paths = checked.data.map(name => path.join(path.dirname(file), name));
  const missing = paths.filter(candidate => !fs.existsSync(candidate));
  if (missing.length) throw new UserError(`'${file}' names files that do not exist: ${missing.join(', ')}.`);
  return paths;
}
