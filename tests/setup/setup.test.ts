import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const CLOSED = 'http://127.0.0.1:9/';

let folder: string;
let bin: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'set up ')); // a blank in the path, as people have
  bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['sh', 'uname', 'env'])
    symlinkSync(spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim(), join(bin, name));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a fresh clone has, with the npm packages that are installed here. */
function clone({ packages = true } = {}): string {
  const root = join(folder, 'clone');
  for (const part of ['scripts/setup', 'scripts/setup.mjs', 'scripts/lab-extension.mjs', 'jupyter'])
    cpSync(join(ROOT, part), join(root, part), { recursive: true });
  for (const file of ['package.json', 'package-lock.json', 'requirements.txt', 'requirements-cpu.txt'])
    copyFileSync(join(ROOT, file), join(root, file));
  if (packages) symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return root;
}

/** A program on the PATH, written for sh. */
function program(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** A link on the PATH to the Python of this machine. */
const realPython = () => {
  const { stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  program('python3', `exec "${stdout.trim()}" "$@"`);
};

function setUp(root: string) {
  const env: Record<string, string> = {
    PATH: bin,
    HOME: folder,
    PIP_INDEX_URL: CLOSED,
    PIP_RETRIES: '0',
    npm_config_registry: CLOSED,
    npm_config_cache: join(folder, 'npm'),
    npm_config_fetch_retries: '0',
  };
  const npm = spawnSync('npm', ['root', '--global'], { encoding: 'utf8' }).stdout.trim();
  env.npm_execpath = join(npm, 'npm', 'bin', 'npm-cli.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts', 'setup.mjs')], {
    env,
    encoding: 'utf8',
  });
  return { status, stdout, problems: stderr.trim().split('\n') };
}

/** The set-up failed with one line that holds the given words. */
function expectProblem({ status, problems }: ReturnType<typeof setUp>, ...words: string[]): void {
  expect(problems).toHaveLength(1);
  for (const word of words) expect(problems[0]).toContain(word);
  expect(status).toBe(1);
}

test('no Python', () => expectProblem(setUp(clone()), 'no Python was found', '3.9', 'PYTHON='));

test('Python too old', () => {
  program('python3', 'echo 3.8');
  expectProblem(setUp(clone()), 'Python 3.8 is too old', '3.9');
});

test('a newer Python behind one that is too old is taken', () => {
  program('python3', 'echo 3.8');
  program('python', 'case "$1" in -c) echo 3.12;; *) echo "No module named venv" >&2; exit 1;; esac');
  expectProblem(setUp(clone()), 'venv module');
});

test('no venv module (Debian without python3-venv)', () => {
  program(
    'python3',
    'case "$1" in -c) echo 3.11;; *) echo "The virtual environment was not created successfully because ensurepip is not available."; exit 1;; esac',
  );
  const root = clone();
  expectProblem(setUp(root), 'lacks the venv module', 'python3-venv');
  expect(existsSync(join(root, '.venv'))).toBe(false);
});

test('no network for pip; a broken .venv is made anew first', () => {
  realPython();
  const root = clone();
  const python = join(root, '.venv', 'bin', 'python');
  mkdirSync(join(root, '.venv', 'bin'), { recursive: true });
  symlinkSync(join(folder, 'deleted', 'python3'), python); // its interpreter is gone
  const result = setUp(root);
  expectProblem(result, 'Python package index cannot be reached', 'PIP_INDEX_URL');
  expect(result.stdout).toContain('.venv: broken; made anew');
  expect(spawnSync(python, ['-m', 'pip', '--version']).status).toBe(0);
}, 240_000);

test('no network for npm: one line, and what was installed stays', () => {
  const root = clone({ packages: false });
  mkdirSync(join(root, 'node_modules', 'kept'), { recursive: true });
  writeFileSync(join(root, 'node_modules', 'kept', 'index.js'), '');
  expectProblem(setUp(root), 'npm registry cannot be reached');
  expect(existsSync(join(root, 'node_modules', 'kept', 'index.js'))).toBe(true);
}, 240_000);

test('what a killed npm ci had kept aside is put back when the next one fails', () => {
  const root = clone({ packages: false });
  const [aside, half] = [
    join(root, '.cache', 'node_modules.before', 'kept'),
    join(root, 'node_modules', 'half'),
  ];
  for (const folder of [aside, half]) mkdirSync(folder, { recursive: true });
  expectProblem(setUp(root), 'npm registry cannot be reached');
  expect(existsSync(join(root, 'node_modules', 'kept'))).toBe(true);
  expect(existsSync(half)).toBe(false);
}, 240_000);
