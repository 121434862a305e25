/** What `npm run cifar` runs its scripts by: how signals go in, and how an end comes out. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

let folder: string;
beforeAll(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-launch-'))));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A script's output and end under the launcher, which gets `signal` when the script has written its first line. */
function launch(program: string, signal?: NodeJS.Signals): Promise<{ output: string; code: number | null }> {
  const script = path.join(folder, 'script.mjs');
  fs.writeFileSync(script, program);
  const child = spawn(process.execPath, [path.join(__dirname, '../../scripts/launch.mjs'), script]);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  if (signal) child.stdout.once('data', () => child.kill(signal));
  return new Promise(resolve => child.on('close', code => resolve({ output, code })));
}

test("a script's exit code is the launcher's", async () => {
  expect(await launch('process.exitCode = 7')).toEqual({ output: '', code: 7 });
});

test.each([
  ['SIGKILL', 137, 'ended by SIGKILL, perhaps out of memory\n'],
  ['SIGABRT', 134, 'ended by SIGABRT\n'],
] as const)('a script that %s ends has a line that says so, and code %i', async (signal, code, output) => {
  expect(await launch(`process.kill(process.pid, '${signal}')`)).toEqual({ output, code });
});

test.each(['SIGTERM', 'SIGHUP'] as const)('%s is handed on, and the launcher waits', async signal => {
  const program = `
setTimeout(() => undefined, 20_000);
process.on('${signal}', () => setTimeout(() => (console.log('saved'), process.exit(130)), 300));
console.log('ready');`;
  expect(await launch(program, signal)).toEqual({ output: 'ready\nsaved\n', code: 130 });
});
