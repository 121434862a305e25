/** A folder for each test: a clone of what the set-up needs, and a PATH of its own beside it. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const CLOSED = 'http://127.0.0.1:9/';

/** npm's own program. */
export const NPM = join(
  spawnSync('npm', ['root', '--global'], { encoding: 'utf8' }).stdout.trim(),
  ...['npm', 'bin', 'npm-cli.js'],
);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'set up ')); // a blank in the path, as people have
  mkdirSync(place('bin'));
  for (const name of ['sh', 'uname', 'env'])
    symlinkSync(spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim(), place('bin', name));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A path in this test's folder. */
export const place = (...parts: string[]): string => join(folder, ...parts);

/** Writes a file, and the folders above it. */
export function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** What a fresh clone has, with the npm packages that are installed here. */
export function clone({ packages = true } = {}): string {
  const root = place('clone');
  for (const part of ['scripts', 'jupyter']) cpSync(join(ROOT, part), join(root, part), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'requirements.txt', 'requirements-cpu.txt'])
    copyFileSync(join(ROOT, file), join(root, file));
  if (packages) symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return root;
}

/** A program written for sh. */
export function script(file: string, text: string): void {
  write(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

/** A program on the PATH. */
export const program = (name: string, text: string): void => script(place('bin', name), text);

/** The PATH and settings of this test: no registry answers. */
export const environment = (): Record<string, string> => ({
  PATH: place('bin'),
  HOME: folder,
  PIP_INDEX_URL: CLOSED,
  PIP_RETRIES: '0',
  npm_config_registry: CLOSED,
  npm_config_cache: place('npm'),
  npm_config_fetch_retries: '0',
  npm_execpath: NPM,
});

/** What a program printed, and how it ended. */
export interface Ended {
  status: number | null;
  stdout: string;
  problems: string[];
}

/** Runs a script of the clone with this Node.js. */
export function node(args: string[], env: Record<string, string> = {}, cwd?: string): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    env: { ...environment(), ...env },
    encoding: 'utf8',
  });
  return { status, stdout, problems: stderr.trim().split('\n') };
}

export const setUp = (root: string, env?: Record<string, string>): Ended =>
  node([join(root, 'scripts', 'setup.mjs')], env);

/** It failed with one line that holds the given words. */
export function expectProblem({ status, problems }: Ended, ...words: string[]): void {
  expect(problems).toHaveLength(1);
  for (const word of words) expect(problems[0]).toContain(word);
  expect(status).toBe(1);
}
