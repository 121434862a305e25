/** Runs that are really killed, and disks that are really full. */
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CheckpointFolder } from '../../src/train/checkpoint';

const STEPS = 120;
const EVERY_STEPS = 3;
const KILLS = 5;

interface Ended {
  lines: string[];
  signal: NodeJS.Signals | null;
  code: number | null;
  stderr: string;
}

/** Runs killable.ts; `killAfter` milliseconds after its first step it is killed by SIGKILL. */
function run(folder: string, options: { killAfter?: number; shell?: string } = {}): Promise<Ended> {
  const args = [path.join(__dirname, 'killable.ts'), folder, String(STEPS), String(EVERY_STEPS)];
  const node = [process.execPath, '--import', 'tsx', ...args];
  const child = options.shell
    ? spawn('bash', ['-c', `${options.shell}; exec "$@"`, 'bash', ...node])
    : spawn(node[0], node.slice(1));
  let text = '';
  let stderr = '';
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (options.killAfter !== undefined && text.includes('step '))
      timer ??= setTimeout(() => child.kill('SIGKILL'), options.killAfter);
  });
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise(resolve =>
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ lines: text.split('\n').slice(0, -1), signal, code, stderr });
    }),
  );
}

const sum = ({ lines, stderr }: Ended): string => {
  const line = lines.find(each => each.startsWith('sha256'));
  if (!line) throw new Error(`The run did not end: ${lines.join('; ')} ${stderr}`);
  return line;
};

const lastStep = ({ lines }: Ended): number =>
  Math.max(0, ...lines.filter(line => line.startsWith('step')).map(line => Number(line.slice(5))));

const savedStep = (folder: string): number =>
  new CheckpointFolder(folder).load(() => undefined)?.state.step ?? 0;

let folder: string;
let unbroken: Promise<Ended>;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-resume-'));
  unbroken = run(path.join(folder, 'unbroken'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

test('a run killed at random moments ends, bit for bit, as the unbroken one', async () => {
  const killed = path.join(folder, 'killed');
  const expected = sum(await unbroken);
  let ended: Ended | undefined;
  let kills = 0;
  while (kills < KILLS) {
    const killAfter = Math.floor(Math.random() * 300);
    console.log(`killed after ${killAfter} ms, at step ${savedStep(killed)} when it began`);
    ended = await run(killed, { killAfter });
    if (ended.signal !== 'SIGKILL') break; // it was faster than the kill
    kills++;
    // What was reported is lost by at most the steps of one interval.
    expect(savedStep(killed)).toBeGreaterThanOrEqual(lastStep(ended) - EVERY_STEPS);
  }
  expect(kills).toBeGreaterThan(0);
  if (ended?.signal === 'SIGKILL') ended = await run(killed);
  expect(sum(ended!)).toBe(expected);
  const left = fs.readdirSync(killed).filter(name => name.endsWith('.partial'));
  expect(left).toEqual([]);
});

test('a run goes on when checkpoints no longer fit, and keeps the last good one', async () => {
  const full = path.join(folder, 'full');
  await run(full, { killAfter: 0 });
  const before = savedStep(full);
  const expected = sum(await unbroken);
  // RLIMIT_FSIZE of 4 KiB: less than the checkpoint (6 KiB), more than a file of weights.
  const ended = await run(full, { shell: 'ulimit -f 4' });
  expect(sum(ended)).toBe(expected);
  expect(
    ended.lines.filter(line => line.startsWith('warning: The checkpoint of step')).length,
  ).toBeGreaterThan(1);
  expect(savedStep(full)).toBe(before);
});

test('a run whose checkpoints do not fit from the start is not begun', async () => {
  const ended = await run(path.join(folder, 'none'), { shell: 'ulimit -f 0' });
  expect(ended.lines).toEqual([]);
  expect(ended.stderr).toMatch(
    /The folder '.*none' for checkpoints can't be written \(EFBIG.*name another folder/,
  );
  expect(ended.code).toBe(1);
});
