/** How the bundle's programs end. */
import * as path from 'node:path';
import { type Command } from 'commander';
import koffi from 'koffi';
import { shortened } from './shortened';

/**
 * Runs a program, and ends the process at once when its last word is out. A plugin's client leaves threads behind, and what they do while
 * a process ends in the usual way may hang: on a borrowed machine that costs minutes.
 * @param here the program's folder. What is too long to be said of an error goes there, or where `--out` asks for results
 */
export async function runToEnd(command: Command, here: string): Promise<void> {
  const start = process.cwd();
  const failed = (error: unknown): Promise<void> =>
    fail(error, path.resolve(start, command.opts<{ out?: string }>().out ?? here));
  process.once('uncaughtException', error => void failed(error));
  try {
    await command.parseAsync();
  } catch (error) {
    return failed(error);
  }
  await end(Number(process.exitCode ?? 0));
}

async function fail(error: unknown, folder: string): Promise<void> {
  console.error(shortened(error, folder));
  await end(1);
}

async function end(code: number): Promise<void> {
  await Promise.all([process.stdout, process.stderr].map(flushed));
  (koffi.load(null).func('void _exit(int)') as (code: number) => void)(code);
}

/** Resolves when everything is written, or nobody reads any more. */
const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise(resolve => stream.write('', () => resolve()));
