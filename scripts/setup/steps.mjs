import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** A problem that the reader can mend: one line, no stack. */
export class SetupError extends Error {}

/**
 * Runs a program and returns its standard output; throws a SetupError with `what` and the last telling line when it fails.
 * @param {string} program
 * @param {string[]} args
 * @param {{cwd?: string, env?: Record<string, string | undefined>, what: string, mend?: (output: string) => string | undefined}} options
 *   `mend` may turn the program's output into a better line
 */
export function runProgram(program, args, { cwd, env, what, mend }) {
  const result = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (result.error?.code === 'ENOENT') throw new SetupError(`${what}: ${program} was not found on PATH`);
  if (result.error) throw new SetupError(`${what}: ${result.error.message}`);
  if (result.status !== 0) {
    const output = `${result.stdout}\n${result.stderr}`;
    throw new SetupError(mend?.(output) ?? `${what} failed: ${tellingLine(output)}`);
  }
  return result.stdout.trim();
}

/** The line of a failed program's output that says most: the last with "error" in it, else the last. */
function tellingLine(output) {
  const lines = output
    .split('\n')
    .filter(line => line.trim() !== '' && !/notice|debug.*log|npm warn/i.test(line));
  return (lines.findLast(line => /error/i.test(line)) ?? lines.at(-1) ?? 'no output').trim();
}

/** What writeRecord wrote; {} where there is none, or a damaged one: the step is then done again. */
export function readRecord(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) ?? {};
  } catch {
    return {};
  }
}

/** Writes down what a step did. Under another name first: a full disk or a kill leaves no half of it. */
export function writeRecord(file, record) {
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(fresh, file);
}

/** Says what was done, or that it was done already. */
export function say(step, text) {
  console.log(`${step.padEnd(12)} ${text}`);
}
