/** Programs as files, for whoever wants to read them or have them compiled elsewhere. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';

/** Writes a program into the folder `XLA_DUMP_TO`, if there is one, under a name made of its text. */
export function dump(text: string): void {
  const folder = process.env.XLA_DUMP_TO;
  if (!folder) return;
  fs.mkdirSync(folder, { recursive: true });
  const name = createHash('sha256').update(text).digest('hex').slice(0, 16);
  fs.writeFileSync(path.join(folder, `${name}.mlir`), text);
}
