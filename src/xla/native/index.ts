/**
 * Kernels of our own for CPUs, in C: convolutions, where XLA's are slow. Programs call them through XLA's foreign functions; the C compiler of
 * the machine makes them, once, for its processor. Without one, or with a plugin that knows no foreign functions, XLA computes everything.
 */
import { spawnSync } from 'child_process';
import * as crypto from 'crypto';
import * as fs from 'fs';
import * as path from 'path';
import { cacheFolder } from '../folders';
import { type PjrtClient, hardwareKey } from '../pjrt';

/** Handlers by the name that programs call them by: their functions in kernels.c. */
const HANDLERS = [
  'convolution_forward',
  'convolution_input_gradient',
  'convolution_filter_gradient',
  'channel_sums',
] as const;
export type Handler = (typeof HANDLERS)[number];

/** Whether a client's programs may call the kernels, and why not. */
export type Native = { readonly works: true } | { readonly works: false; readonly reason: string };

const SOURCES = ['kernels.c', 'ffi.h', 'memory.h', 'parallel.h', 'tiles.h', 'sums.h', 'convolution.h'];
const OPTIONS = ['-std=gnu11', '-O3', '-march=native', '-shared', '-fPIC', '-fvisibility=default'];

/** The compilers to try: the one that CC names, or the usual ones. */
const compilers = (): string[] => (process.env.CC ? [process.env.CC] : ['cc', 'gcc', 'clang']);

/** @throws Error with the compiler's complaint, or that there is none */
function compile(library: string): void {
  fs.mkdirSync(path.dirname(library), { recursive: true });
  const draft = `${library}.${process.pid}.draft`;
  for (const compiler of compilers()) {
    const run = spawnSync(compiler, [...OPTIONS, '-o', draft, path.join(__dirname, SOURCES[0])], {
      encoding: 'utf8',
      timeout: 120_000,
    });
    if (run.status === 0) return fs.renameSync(draft, library);
    fs.rmSync(draft, { force: true });
    if (run.error && (run.error as NodeJS.ErrnoException).code === 'ENOENT') continue;
    throw new Error(
      `${compiler} did not compile them: ${(run.error?.message ?? run.stderr).trim().split('\n')[0]}`,
    );
  }
  throw new Error(`no C compiler found (${compilers().join(', ')})`);
}

/** The compiled kernels, named by all that they depend on. */
function library(): string {
  const hash = crypto.createHash('sha256').update(hardwareKey('cpu')).update(OPTIONS.join());
  for (const source of SOURCES) hash.update(fs.readFileSync(path.join(__dirname, source)));
  const file = path.join(cacheFolder(), 'native', `kernels-${hash.digest('hex').slice(0, 16)}.so`);
  if (!fs.existsSync(file)) compile(file);
  return file;
}

/** Has the client's programs know the kernels. Never fails: without them XLA computes all. */
export function loadNative(client: PjrtClient): Native {
  if (process.env.XLA_NATIVE === 'off') return { works: false, reason: 'XLA_NATIVE is off' };
  if (client.platformName !== 'cpu')
    return { works: false, reason: `they are not for ${client.platformName}` };
  try {
    client.registerHandlers(library(), HANDLERS);
    return { works: true };
  } catch (error) {
    return { works: false, reason: (error as Error).message };
  }
}
