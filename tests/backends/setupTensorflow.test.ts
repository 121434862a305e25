import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs the set-up; only with arguments that it refuses before it changes anything. */
function setUp(...args: string[]) {
  const script = join(__dirname, '..', '..', 'scripts', 'setup-tensorflow.mjs');
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
}

function expectOneLine(result: ReturnType<typeof setUp>, ...parts: string[]): void {
  expect(result.status).toBe(1);
  const lines = result.stderr.trim().split('\n');
  expect(lines).toHaveLength(1);
  for (const part of parts) expect(lines[0]).toContain(part);
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'environment-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** An environment whose Python answers what a real one of that version and machine would. */
function environment(python: [number, number], machine: string): string {
  mkdirSync(join(folder, 'bin'));
  const answer = JSON.stringify({ python, machine, site: join(folder, 'site'), cpu: null, cuda: null });
  writeFileSync(join(folder, 'bin', 'python'), `#!/bin/sh\necho '${answer}'\n`);
  chmodSync(join(folder, 'bin', 'python'), 0o755);
  return folder;
}

test('no environment', () =>
  expectOneLine(setUp('--venv', 'no/such/folder'), 'no/such/folder', 'npm run setup'));

test.each([
  [3, 9],
  [3, 14],
] as [number, number][])('Python %i.%i has no wheel', (major, minor) => {
  expectOneLine(
    setUp('--venv', environment([major, minor], 'x86_64')),
    `${major}.${minor}`,
    '3.10',
    '--venv',
  );
});

test('a machine without a wheel', () =>
  expectOneLine(setUp('--venv', environment([3, 12], 'riscv64')), 'riscv64', 'docs/backends.md'));

test('an unknown option', () => expectOneLine(setUp('--gpu'), '--gpu', '--help'));

test('--help', () => {
  const { status, stdout } = setUp('--help');
  expect(status).toBe(0);
  expect(stdout).toContain('--cuda');
});
