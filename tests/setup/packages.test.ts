/** The npm packages, installed by a stand-in for npm. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { clone, environment, expectProblem, place, program, setUp, write } from './clone';

const LOCK = {
  packages: {
    '': { name: 'clone' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/@b/c': { version: '2.0.0' },
    'node_modules/@b/c/node_modules/a': { version: '0.9.0' },
    'node_modules/here': { version: '3.0.0', optional: true },
    'node_modules/elsewhere': { version: '3.0.0', optional: true, os: ['elsewhere'] },
  },
};

/** Installs what the lock file names except for "elsewhere", slowly when SLOW says so. Its name is that of npm's own program. */
const STAND_IN = `
const { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
appendFileSync(process.env.CALLS, process.argv.slice(2).join(' ') + '\\n');
rmSync('node_modules', { recursive: true, force: true });
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
delete packages[''];
delete packages['node_modules/elsewhere'];
for (const path of Object.keys(packages)) {
  mkdirSync(path, { recursive: true });
  writeFileSync(path + '/package.json', '{}');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(process.env.SLOW ?? 0));
}
writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
`;

let root: string;
let env: Record<string, string>;
beforeEach(() => {
  root = clone({ packages: false });
  write(join(root, 'package-lock.json'), JSON.stringify(LOCK));
  write(place('npm-cli.js'), STAND_IN);
  env = { npm_execpath: place('npm-cli.js'), CALLS: place('calls') };
});

const lock = (): string => join(root, '.cache', 'setup.lock');
const calls = (): number => readFileSync(place('calls'), 'utf8').trim().split('\n').length;
/** Sets up as far as there is no Python; gives what was said. */
const install = (): string => {
  const result = setUp(root, env);
  expectProblem(result, 'no Python was found');
  return result.stdout;
};

test('packages are installed once, and again when one of them is gone', () => {
  expect(install()).toBe('npm packages: installing …\n');
  expect(install()).toBe('');
  for (const gone of ['a', '@b/c/node_modules/a', 'here']) {
    rmSync(join(root, 'node_modules', gone), { recursive: true });
    expect(install()).toBe('npm packages: installing …\n');
    expect(existsSync(join(root, 'node_modules', gone, 'package.json'))).toBe(true);
  }
  expect(calls()).toBe(4);
});

test('started by yarn: npm is taken from the PATH', () => {
  program('npm', `exec "${process.execPath}" "${place('npm-cli.js')}" "$@"`);
  write(place('yarn.js'), 'console.error("Unknown command: ci"); process.exit(1);');
  env.npm_execpath = place('yarn.js');
  expect(install()).toBe('npm packages: installing …\n');
  expect(readFileSync(place('calls'), 'utf8')).toMatch(/^ci /);
});

/** Starts a set-up. */
function start() {
  const child = spawn(process.execPath, [join(root, 'scripts', 'setup.mjs')], {
    env: { ...environment(), ...env },
  });
  let said = '';
  child.stdout.on('data', chunk => (said += chunk));
  const ended = new Promise<void>(resolve => child.once('close', () => resolve()));
  return { child, ended, said: () => said };
}

test('the second of two set-ups at once waits, and finds all done', async () => {
  env.SLOW = '400';
  const first = start();
  while (!first.said()) await new Promise(resolve => setTimeout(resolve, 20));
  const second = start();
  await Promise.all([first.ended, second.ended]);
  expect(first.said()).toBe('npm packages: installing …\n');
  expect(second.said()).toMatch(
    new RegExp(`^set-up: waiting for another one, process ${first.child.pid} .*setup\\.lock\\) …\n$`),
  );
  expect(calls()).toBe(1);
  expect(existsSync(lock())).toBe(false);
});

test('what a killed set-up held is taken over, by one of several', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  write(lock(), String(pid));
  env.SLOW = '400';
  const several = [start(), start(), start()];
  await Promise.all(several.map(({ ended }) => ended));
  const said = several.map(each => each.said()).join('');
  expect(said.match(/installing/g)).toHaveLength(1);
  expect(calls()).toBe(1);
  expect(existsSync(lock())).toBe(false);
});

test.each([
  ['of a process before this start of the machine', () => String(process.pid), 0],
  ['that a full disk left empty', () => '', Date.now() / 1000 - 60],
])('a lock %s does not hold', (_, content, time) => {
  write(lock(), content());
  utimesSync(lock(), time, time);
  expect(install()).toBe('npm packages: installing …\n');
});

test('a folder that cannot be written', () => {
  write(join(root, '.cache'), 'not a folder');
  expectProblem(setUp(root, env), '.cache', 'must be able to write');
});
