import { createHash } from 'crypto';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { zipSync } from 'fflate';
import { cacheFiles, collectResults, packResults, PART_BYTES } from '../../scripts/bundle/results';
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
  expect(packResults(at('there'), at('out'))).toEqual({ results: 3, cache: 0 });
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
  expect(packResults(at('there'), at('trip1'), { parts: [1, 2] }).results).toBe(3);
  expect(packResults(at('there'), at('trip2'), { parts: [3, 9] }).results).toBe(3);
  expect(fs.readdirSync(at('trip2')).sort()).toEqual(['results.json', 'results.zip.003']);
  expect(() => collectResults([at('trip1')], at('home'))).toThrow(
    /Of 3 parts, these are missing: results.zip.003/,
  );
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
  expect(packResults(at('there'), at('out'), { since }).results).toBe(1);
  expect(collectResults([at('out')], at('home'))).toEqual(['records/done.json']);
  expect(packResults(at('there'), at('out'), { since: Date.now() + 1000 })).toEqual({ results: 0, cache: 0 });
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
  expect(() => collectResults([at('out')], at('home'))).toThrow(/damaged: the check sum differs/);
  write('other', { 'records/other.json': '{}' });
  packResults(at('other'), at('out2'));
  expect(() => collectResults([at('out'), at('out2')], at('home'))).toThrow(/parts of different results/);
  fs.writeFileSync(at('out2/results.zip.001'), zipSync({ 'records/../../passwd': new Uint8Array(1) }));
  const list = {
    parts: 1,
    sha256: createHash('sha256').update(contents('out2', 'results.zip.001')).digest('hex'),
  };
  fs.writeFileSync(at('out2/results.json'), JSON.stringify(list));
  expect(() => collectResults([at('out2')], at('home'))).toThrow(/which no run writes/);
  expect(fs.existsSync(at('home'))).toBe(false);
});

const program = (platform: string) => `programs/${platform}-${'0'.repeat(64)}.xla`;
const cache = {
  'autotune/fusion.textproto': 'the fastest kernel',
  [program('cuda')]: PART_BYTES,
  [program('cpu')]: 'of a processor',
  [`programs/${'0'.repeat(64)}.xla`]: 'of an older version, and so of nobody knows what',
  [`programs/cuda-${'0'.repeat(64)}.123.draft`]: 'half a program',
  'plugins.json': '{}',
};
const KEPT = ['autotune/fusion.textproto', program('cuda')];

test('what XLA measured and compiled for a GPU comes home in parts of its own', () => {
  write('there', there);
  write('elsewhere', cache);
  expect(cacheFiles(at('elsewhere'))).toEqual(KEPT);
  const pack = (parts?: [number, number]) =>
    packResults(at('there'), at('out'), { cache: at('elsewhere'), parts });
  expect(pack()).toEqual({ results: 3, cache: 2 });
  const written = collectResults([at('out')], at('home'));
  expect(written.slice(5)).toEqual(KEPT.map(name => `.cache/xla/${name}`));
  for (const name of KEPT)
    expect(contents('home', `.cache/xla/${name}`).equals(contents('elsewhere', name))).toBe(true);

  // Its parts are the last, and the others do without them.
  pack([2, 4]);
  const sent = ['cache.json', 'cache.zip.001', 'results.json', 'results.zip.002', 'results.zip.003'];
  expect(fs.readdirSync(at('out')).sort()).toEqual(sent);
  pack([1, 3]);
  const warnings: string[] = [];
  expect(collectResults([at('out')], at('later'), text => void warnings.push(text))).toHaveLength(5);
  expect(warnings).toEqual([
    expect.stringMatching(/left out: Of 2 parts.* missing: cache.zip.001, cache.zip.002/),
  ]);
});

test('what XLA compiled comes home alone where no run has written', () => {
  write('there/.cache/xla', cache);
  expect(packResults(at('there'), at('out'))).toEqual({ results: 0, cache: 2 });
  expect(collectResults([at('out')], at('home'))).toEqual(KEPT.map(name => `.cache/xla/${name}`));
});

test('parts that lie there already are not written again', () => {
  write('there', there);
  write('there/.cache/xla', cache);
  const parts = ['results.zip.001', 'cache.zip.001'];
  const times = () => parts.map(name => fs.statSync(at('out', name)).ctimeMs);
  const packed = packResults(at('there'), at('out'));
  const first = times();
  expect(packResults(at('there'), at('out'))).toEqual(packed);
  expect(times()).toEqual(first);
  fs.utimesSync(at('there/records/done.json'), new Date(), new Date(0));
  packResults(at('there'), at('out'));
  expect(times().map((time, i) => time === first[i])).toEqual([false, true]);
  fs.rmSync(at('out', 'cache.zip.002'));
  packResults(at('there'), at('out'));
  expect(fs.existsSync(at('out', 'cache.zip.002'))).toBe(true);
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
