import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The project's folder: the nearest folder upward of this file with this project's package.json, else upward of the working
 * folder (a notebook kernel runs compiled copies of src/ from elsewhere).
 */
export function projectRoot(): string {
  for (const start of [__dirname, process.cwd()]) {
    for (let folder = start; ; folder = dirname(folder)) {
      const file = join(folder, 'package.json');
      if (
        existsSync(file) &&
        (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'cifar-ts'
      )
        return folder;
      if (dirname(folder) === folder) break;
    }
  }
  return process.cwd();
}
