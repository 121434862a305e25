import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { collectResults, packResults, PART_BYTES } from '../../scripts/bundle/results';
import { readQueue } from '../../scripts/bundle/queueFile';
import { CheckpointFolder } from '../../src/train/checkpoint';

let folder: string;
const at = (...names: string[]) => path.join(folder, ...names);
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'results-'))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

/** Writes files of the given content, or of so many bytes. */
function write(root: string, files: Record<string, string | number>): void {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(at(root, name)), { recursive: true });
    const bytes =
      typeof content === 'string' ? content : Uint8Array.from({ length: content }, (_, i) => i * (i >> 8));
    fs.writeFileSync(at(root, name), bytes);
  }
}

const contents = (root: string, name: string) => fs.readFileSync(at(root, name));

const there = {
  'records/done.json': '{"name": "done"}',
  'records/checkpoints/done/final.safetensors': 'final weights',
  'records/checkpoints/done/best.safetensors': 'best weights',
  'records/checkpoints/done/checkpoint.safetensors': 'state',
  'records/checkpoints/going/checkpoint.safetensors': 2 * PART_BYTES + 5,
  'records/checkpoints/going/checkpoint.previous.safetensors': 'older',
  'records/checkpoints/going/best.safetensors': 'best so far',
  'logs/going/events.out.tfevents.1': 'events',
};

test('what is worth it comes home, to the byte, in parts of at most 15 MB', () => {
  write('there', there);
  const parts = packResults(at('there'), at('out'));
  expect(parts).toBe(3);
  for (const name of fs.readdirSync(at('out')))
    expect(fs.statSync(at('out', name)).size).toBeLessThanOrEqual(15e6);
  const written = collectResults([at('out')], at('home'));
  expect(written[0]).toBe('records/done.json');
  expect([...written].sort()).toEqual([
    'logs/going/events.out.tfevents.1',
    'records/checkpoints/done/final.safetensors',
    'records/checkpoints/going/best.safetensors',
    'records/checkpoints/going/checkpoint.safetensors',
    'records/done.json',
  ]);
  for (const name of written) expect(contents('home', name).equals(contents('there', name))).toBe(true);
});

test('parts may come in several trips', () => {
  write('there', there);
  expect(packResults(at('there'), at('trip1'), { parts: [1, 2] })).toBe(3);
  expect(packResults(at('there'), at('trip2'), { parts: [3, 9] })).toBe(3);
  expect(fs.readdirSync(at('trip2')).sort()).toEqual(['results.json', 'results.zip.003']);
  expect(() => collectResults([at('trip1')], at('home'))).toThrow(/Of 3 parts, these are missing: 3/);
  expect(fs.existsSync(at('home'))).toBe(false);
  expect(collectResults([at('trip1'), at('trip2')], at('home'))).toHaveLength(5);
});

test('only what changed is sent, and an older sending is removed', () => {
  write('there', there);
  packResults(at('there'), at('out'));
  const old = new Date(Date.now() - 60_000);
  for (const name of Object.keys(there)) fs.utimesSync(at('there', name), old, old);
  fs.utimesSync(at('there/records/done.json'), new Date(), new Date());
  const since = Date.now() - 30_000;
  expect(packResults(at('there'), at('out'), { since })).toBe(1);
  expect(collectResults([at('out')], at('home'))).toEqual(['records/done.json']);
  expect(packResults(at('there'), at('out'), { since: Date.now() + 1000 })).toBe(0);
  expect(fs.readdirSync(at('out'))).toEqual([]);
});

test('a finished run is not undone by an older state of it', () => {
  write('there', { 'records/checkpoints/run/checkpoint.safetensors': 'old state' });
  packResults(at('there'), at('out'));
  write('home', { 'records/run.json': '{}' });
  expect(collectResults([at('out')], at('home'))).toEqual([]);
  expect(fs.existsSync(at('home/records/checkpoints'))).toBe(false);
});

test('a finished run that is trained on brings home where it stands, not what it was', () => {
  const folder = 'records/checkpoints/longer';
  write('there', {
    [`${folder}/final.safetensors`]: 'the shorter one',
    [`${folder}/checkpoint.safetensors`]: 'state',
  });
  packResults(at('there'), at('out'));
  expect(collectResults([at('out')], at('home'))).toEqual([`${folder}/checkpoint.safetensors`]);
});

test('a run that stands further at home stays', () => {
  const save = (root: string, step: number) => {
    const state = { step, startedAt: '', seconds: 1, metered: 0, curve: [], trainCurve: [], settings: {} };
    new CheckpointFolder(at(root, 'records/checkpoints/run')).save({ state, arrays: new Map() });
  };
  save('there', 10);
  packResults(at('there'), at('out'));
  save('home', 20);
  expect(collectResults([at('out')], at('home'))).toEqual([]);
  fs.rmSync(at('home'), { recursive: true });
  save('home', 5);
  expect(collectResults([at('out')], at('home'))).toEqual(['records/checkpoints/run/checkpoint.safetensors']);
});

test('damage and strangers are refused, and nothing is written', () => {
  write('there', there);
  packResults(at('there'), at('out'));
  expect(() => collectResults([at('there')], at('home'))).toThrow(/There is no results.json in/);
  const part = contents('out', 'results.zip.002');
  part[100] ^= 1;
  fs.writeFileSync(at('out/results.zip.002'), part);
  expect(() => collectResults([at('out')], at('home'))).toThrow(/damaged: their check sum differs/);
  write('other', { 'records/other.json': '{}' });
  packResults(at('other'), at('out2'));
  expect(() => collectResults([at('out'), at('out2')], at('home'))).toThrow(/parts of different results/);
  expect(fs.existsSync(at('home'))).toBe(false);
});

test('a queue names files that exist', () => {
  write('experiments', {
    'a.yaml': '',
    'queue.yaml': '- a.yaml\n',
    'bad.yaml': 'a: 1',
    'gone.yaml': '[a.yaml, b.yaml]',
  });
  expect(readQueue(at('experiments/queue.yaml'))).toEqual([at('experiments/a.yaml')]);
  expect(() => readQueue(at('experiments/bad.yaml'))).toThrow(
    /'.*bad.yaml' must be a YAML list of experiment files/,
  );
  expect(() => readQueue(at('experiments/gone.yaml'))).toThrow(/names files that do not exist: .*b.yaml/);
  expect(() => readQueue(at('experiments/none.yaml'))).toThrow(/can't be read/);
});
