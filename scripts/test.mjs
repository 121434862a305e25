#!/usr/bin/env node
/** npm test: set-up, then formatter check, linter, type check and all tests; the last line is "N passed, N failed". */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ROOT, setUp } from './setup.mjs';

const CHECKS = [
  ['format', 'prettier', ['--check', '.', '--log-level', 'warn']],
  ['format of C', 'format-c', ['--check']],
  ['lint', 'eslint', ['.']],
  ['types', 'typescript', ['-p', '.']],
  ['types as the notebooks’ kernel sees them', 'typescript', ['-p', '.', '--strict', 'false']],
];
const PROGRAMS = {
  prettier: 'bin/prettier.cjs',
  eslint: 'bin/eslint.js',
  typescript: 'bin/tsc',
  jest: 'bin/jest.js',
};

function run(name, args) {
  const program =
    name === 'format-c'
      ? join(ROOT, 'scripts', 'format-c.mjs')
      : join(ROOT, 'node_modules', name, PROGRAMS[name]);
  return spawnSync(process.execPath, [program, ...args], { cwd: ROOT, stdio: 'inherit' }).status === 0;
}

/** Jest's counts, read from its report; a suite that does not run counts as one failure. */
function runTests(args) {
  const report = join(ROOT, 'logs', 'jest.json');
  mkdirSync(join(ROOT, 'logs'), { recursive: true });
  rmSync(report, { force: true });
  const ok = run('jest', ['--json', `--outputFile=${report}`, '--maxWorkers=2', ...args]);
  try {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    return { passed: numPassedTests, failed: ok ? failed : Math.max(1, failed) };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

const { packages } = setUp();
let passed = 0;
let failed = 0;
if (packages) {
  for (const [title, program, args] of CHECKS) {
    const ok = run(program, args);
    console.log(`${ok ? '✓' : '✕'} ${title}`);
    if (ok) passed++;
    else failed++;
  }
  const tests = runTests(process.argv.slice(2));
  passed += tests.passed;
  failed += tests.failed;
} else {
  failed = 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
