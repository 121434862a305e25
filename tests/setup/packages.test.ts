/** The npm packages, installed by a stand-in for npm. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { clone, expectProblem, place, program, setUp, write } from './clone';

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
