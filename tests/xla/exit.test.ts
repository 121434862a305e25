import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const TSX = join(__dirname, '..', '..', 'node_modules', 'tsx', 'dist', 'cli.mjs');

test.each([
  ['its last line', 'end', 0],
  ['process.exit', 'exit', 4],
  ['an error', 'error', 1],
])('a process that ends by %s while programs run ends as it would without them', (_, how, expected) => {
  const program = join(__dirname, 'exitProgram.ts');
  for (let run = 0; run < 3; run++) {
    const { status, signal } = spawnSync(process.execPath, [TSX, program, how]);
    expect({ status, signal }).toEqual({ status: expected, signal: null });
  }
});
