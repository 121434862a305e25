import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { clone, expectProblem, node, place, program, script, setUp, write } from './clone';

/** A link on the PATH to the Python of this machine. */
const realPython = () => {
  const { stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
  program('python3', `exec "${stdout.trim()}" "$@"`);
};

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
  symlinkSync(place('deleted', 'python3'), python); // its interpreter is gone
  const result = setUp(root);
  expectProblem(result, 'Python package index cannot be reached', 'PIP_INDEX_URL');
  expect(result.stdout).toContain('.venv: broken; made anew');
  expect(spawnSync(python, ['-m', 'pip', '--version']).status).toBe(0);
}, 240_000);

test.each(['', '{"hash": "12', 'null'])('a damaged record of what is installed: %j', damaged => {
  const root = clone();
  const record = join(root, '.venv', 'installed.json');
  script(join(root, '.venv', 'bin', 'python'), 'case "$1" in -c) echo 3.11;; esac'); // pip succeeds
  write(record, damaged);
  const first = setUp(root);
  expect(first).toMatchObject({ status: 0, problems: [''] });
  expect(first.stdout).toContain('Python packages: installing');
  expect(JSON.parse(readFileSync(record, 'utf8'))).toHaveProperty('hash');
  expect(setUp(root).stdout).toBe('set-up: everything is there.\n');
});

test('no network for npm: one line, and what was installed stays', () => {
  const root = clone({ packages: false });
  write(join(root, 'node_modules', 'kept', 'index.js'), '');
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

test.each([
  ['12.22.9', 'setup', ''],
  ['18.19.1', 'start', ''],
  ['20.5.1', 'start', ''],
  ['20.11.1', 'test', '0 passed, 1 failed\n'],
])('Node.js %s is too old for npm run %s', (version, name, last) => {
  const root = clone();
  const older = place('older.cjs');
  write(
    older,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`,
  );
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  // As npm runs it, and without npm.
  for (const skipped of [1, 3]) {
    const words = scripts[name].split(' ').slice(skipped);
    const result = node(['-r', older, ...words], {}, root);
    expectProblem(result, `Node.js ${version} is too old`, '20.12');
    expect(result.stdout).toBe(last);
  }
});
