import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { UserError } from '../../src/errors';
import { type Checkpoint, CheckpointFolder, requireSameRun } from '../../src/train/checkpoint';
import { learningRateAt, type Schedule, totalSteps } from '../../src/train/schedule';

const checkpoint = (step: number): Checkpoint => ({
  state: {
    ...{ step, startedAt: '2020-01-01T00:00:00.000Z', seconds: 1.5, metered: 2 },
    curve: [{ step: 1, error: 90, loss: 2.5 }],
    trainCurve: [],
    settings: { seed: 1, ema: null },
  },
  arrays: new Map([
    ['weights/a', { shape: [2, 2], data: Float32Array.of(1, 2, 3, step) }],
    ['meter', { shape: [2], data: Float32Array.of(0, 0) }],
  ]),
});

let root: string;
let folder: CheckpointFolder;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-checkpoint-'));
  folder = new CheckpointFolder(root);
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const warnings: string[] = [];
const load = () => {
  warnings.length = 0;
  return folder.load(message => warnings.push(message));
};

test('what is saved is what is loaded; the one before is kept', () => {
  expect(load()).toBeUndefined();
  folder.save(checkpoint(1));
  folder.save(checkpoint(2));
  expect(load()).toEqual(checkpoint(2));
  expect(warnings).toEqual([]);
  fs.rmSync(folder.current);
  expect(load()).toEqual(checkpoint(1));
});

test('a whole checkpoint of another version is told in one line', () => {
  const { state, arrays } = checkpoint(1);
  folder.save({ state: { ...state, startedAt: 5 as never }, arrays });
  expect(load).toThrow(/can be read \('.*checkpoint\.safetensors' is no checkpoint of this version\.\)/);
});

test('whatever byte is flipped, the checkpoint before is taken, and said so', () => {
  folder.save(checkpoint(1));
  folder.save(checkpoint(2));
  const whole = fs.readFileSync(folder.current);
  let flips = 0;
  for (let at = 0; at < whole.length; at += 7) {
    const bytes = Buffer.from(whole);
    bytes[at] ^= 4;
    fs.writeFileSync(folder.current, bytes);
    const found = load()!;
    if (found.state.step === 2)
      expect(found).toEqual(checkpoint(2)); // padding, say
    else {
      flips++;
      expect(found).toEqual(checkpoint(1));
      expect(warnings[0]).toContain('Going on from the one before it, step 1');
    }
  }
  expect(flips).toBeGreaterThan(50);
});

test("a checkpoint that is cut off is passed over and does not take the good one's place", () => {
  folder.save(checkpoint(1));
  folder.save(checkpoint(2));
  fs.truncateSync(folder.current, 300);
  expect(load()!.state.step).toBe(1);
  folder.save(checkpoint(3));
  expect(load()!.state.step).toBe(3);
});

test('nothing begins anew in silence when all checkpoints are damaged', () => {
  folder.save(checkpoint(1));
  fs.writeFileSync(folder.current, 'no checkpoint');
  expect(load).toThrow(UserError);
  expect(load).toThrow(/delete them to begin anew/);
});

test('two processes do not write over each other', () => {
  folder.save(checkpoint(1));
  const other = new CheckpointFolder(root);
  expect(other.load(() => undefined)!.state.step).toBe(1);
  other.save(checkpoint(2));
  expect(() => folder.save(checkpoint(3))).toThrow(/Another process trains in/);
  expect(load()!.state.step).toBe(2);
});

test('what killed processes left behind is cleared away', () => {
  const partial = (pid: number) => `checkpoint.safetensors.${pid}.partial`;
  for (const pid of [2 ** 22 + 1, process.pid, process.ppid])
    fs.writeFileSync(path.join(root, partial(pid)), 'x');
  folder = new CheckpointFolder(root);
  expect(fs.readdirSync(root)).toEqual([partial(process.ppid)]); // it lives, and may be writing
});

test('a checkpoint of another run is refused, naming what differs', () => {
  const go = (settings: object, now: object) => () =>
    requireSameRun('f', { step: 9, settings: { ...settings } }, { ...now });
  expect(go({ seed: 1, ema: null }, { seed: 1, ema: null })).not.toThrow();
  expect(go({ seed: 1 }, { seed: 2 })).toThrow('whose seed is 1, not 2');
  expect(go({ seed: 1 }, { seed: 1, ema: 0.9 })).toThrow('ema is not set, not 0.9');
  expect(go({ seed: 1 }, { seed: 1, layers: 'a' })).not.toThrow();
  expect(go({ seed: 1, layers: 'b' }, { seed: 1, layers: 'a' })).toThrow(
    /layers have other options \(dropout/,
  );
});

test('a run goes on by a longer schedule that began as its own', () => {
  const begin = { type: 'linear', peak: 0.2, steps: 9, warmupSteps: 3 } as const;
  const go = (now: Schedule) => () =>
    requireSameRun('f', { step: 9, settings: { schedule: begin } }, { schedule: now });
  const restart: Schedule = { type: 'sequence', parts: [begin, { type: 'cosine', peak: 0.1, steps: 4 }] };
  expect(go(restart)).not.toThrow();
  expect([totalSteps(restart), learningRateAt(restart, 9), learningRateAt(restart, 11)]).toEqual([
    13, 0.1, 0.05,
  ]);
  expect(go({ ...begin, steps: 12 })).toThrow('whose schedule is');
});
