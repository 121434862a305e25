/** Compiles the kernels with the C compiler of the machine, for its processor, once. */
import { spawnSync } from 'child_process';
import * as crypto from 'crypto';
import * as fs from 'fs';
import * as path from 'path';
import { XlaError } from '../errors';
import { cacheFolder } from '../folders';
import { hardwareKey } from '../pjrt';

const MAIN = 'kernels.c';
const OPTIONS = ['-std=gnu11', '-O3', '-march=native', '-shared', '-fPIC'];
const TIME_LIMIT_MS = 120_000;

/** The compilers to try: the one that CC names, or the usual ones. */
const compilers = (): string[] => (process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang']);

/** The sources, which lie beside this file. */
export const sources = (): string[] =>
  fs
    .readdirSync(__dirname)
    .filter(name => /\.[ch]$/.test(name))
    .sort();

/** Text that differs where the kernels do: programs that call them are for these. */
export function kernelsKey(): string {
  const hash = crypto.createHash('sha256').update(hardwareKey('cpu')).update(OPTIONS.join());
  for (const source of sources()) hash.update(source).update(fs.readFileSync(path.join(__dirname, source)));
  return hash.digest('hex').slice(0, 16);
}

/** Where the library of these sources for this processor is kept. */
export const libraryFile = (): string => path.join(cacheFolder(), 'native', `kernels-${kernelsKey()}.so`);

/**
 * Compiles the kernels into `file`.
 * @throws XlaError with the compiler's complaint, or that there is none
 */
export function compile(file: string): void {
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
  } catch (error) {
    throw new XlaError(`${(error as Error).message}; let XLA_CACHE name a folder that can be written`);
  }
  const draft = `${file}.${process.pid}.draft`;
  for (const compiler of compilers()) {
    const run = spawnSync(compiler, [...OPTIONS, '-o', draft, path.join(__dirname, MAIN)], {
      encoding: 'utf8',
      timeout: TIME_LIMIT_MS,
    });
    if (run.status === 0) return fs.renameSync(draft, file);
    fs.rmSync(draft, { force: true });
    if ((run.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') continue;
    const complaint = (run.error?.message ?? run.stderr).trim().split('\n')[0] || `exit code ${run.status}`;
    throw new XlaError(`${compiler} did not compile them (${complaint})`);
  }
  throw new XlaError(`no C compiler was found (${compilers().join(', ')}): install one, gcc for example`);
}
