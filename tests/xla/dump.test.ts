import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runProgram } from '../backends/runProgram';

/** A convolution and batch norm, which are written otherwise for CPUs, run with these settings; its programs and the sum of its result. */
function run(settings: Record<string, string>): { programs: string[]; sum: number } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dump-'));
  try {
    const env = { XLA_CACHE: 'off', XLA_DUMP_TO: folder, ...settings };
    const sum = runProgram('../xla/dumpProgram.ts', [], env).answer as number;
    const programs = fs.readdirSync(folder).map(file => fs.readFileSync(path.join(folder, file), 'utf8'));
    return { programs, sum };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

test('XLA_DUMP_TO writes programs, XLA_WRITE_FOR writes them for another platform with the same result', () => {
  const own = run({});
  const cuda = run({ XLA_WRITE_FOR: 'cuda' });
  expect(own.programs.join('\n')).toContain('stablehlo.');
  expect(cuda.programs).not.toEqual(own.programs);
  expect(cuda.programs.join('\n')).toContain('stablehlo.convolution');
  expect(Number.isFinite(own.sum) && own.sum !== 0).toBe(true);
  expect(Math.abs(cuda.sum / own.sum - 1)).toBeLessThan(1e-4);
}, 120_000);
