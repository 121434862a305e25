import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type BackendName } from '../../src/backends';

const ROOT = join(__dirname, '..', '..');
const TSX = join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs');

/** Runs a TypeScript program, named from this folder, in a process of its own; the last line that it prints is its answer, as JSON. */
export function runProgram(
  file: string,
  args: string[],
  env: Record<string, string> = {},
): { answer: unknown; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [TSX, join(__dirname, file), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${file} ${args.join(' ')} failed:\n${stderr}`);
  return { answer: JSON.parse(stdout.trim().split('\n').at(-1)!), stdout, stderr };
}

/** Back ends that can't be started here, with the reason; their tests are skipped and say so by name. */
export function unavailableBackends(): Map<BackendName, string> {
  const answer = runProgram('available.ts', []).answer as {
    name: BackendName;
    available: boolean;
    reason: string;
  }[];
  return new Map(answer.filter(({ available }) => !available).map(({ name, reason }) => [name, reason]));
}
