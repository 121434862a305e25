import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { PNG } from 'pngjs';
import { imageBytes, indicesByClass, loadCifar10, subset, type Cifar10 } from '../../src/data/cifar10';
import { IMAGE_BYTES } from '../../src/data/format';
import { findSpritePackage } from '../../src/data/sources';
import { UserError } from '../../src/errors';

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar10-'));
const cacheDir = path.join(scratch, 'cache');
const nowhere = path.join(scratch, 'nowhere');
/** Above the largest number that Linux gives a process. */
const NO_PROCESS = 2 ** 22 + 1;
let data: Cifar10;

beforeAll(async () => {
  data = await loadCifar10({ cacheDir });
});
afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

test('the sprites give 50,000 + 10,000 images, each class equally often', () => {
  expect([data.train.count, data.test.count]).toEqual([50_000, 10_000]);
  expect([data.train.images.length, data.test.images.length]).toEqual([
    50_000 * IMAGE_BYTES,
    10_000 * IMAGE_BYTES,
  ]);
  const counts = (labels: Uint8Array) =>
    data.classNames.map((_, c) => labels.filter(label => label === c).length);
  expect(counts(data.train.labels)).toEqual(Array(10).fill(5000));
  expect(counts(data.test.labels)).toEqual(Array(10).fill(1000));
});

test('the channel means are those that every CIFAR-10 recipe states', () => {
  const sum = [0, 0, 0];
  for (let i = 0; i < data.train.images.length; i++) sum[i % 3] += data.train.images[i];
  const mean = sum.map(s => s / (50_000 * 1024 * 255));
  [0.4914, 0.4822, 0.4465].forEach((expected, c) => expect(mean[c]).toBeCloseTo(expected, 3));
});

test('the cache alone is enough the second time', async () => {
  const again = await loadCifar10({ cacheDir, packageDir: nowhere });
  expect(Buffer.compare(again.train.images, data.train.images)).toBe(0);
  expect(Buffer.compare(again.test.labels, data.test.labels)).toBe(0);
});

test.each([
  ['a flipped bit', (file: string) => flipBit(file)],
  ['a file cut short', (file: string) => fs.truncateSync(file, 1000)],
  ['a file lost', (file: string) => fs.rmSync(file)],
])('the cache is rebuilt after %s', async (_, damage) => {
  for (const name of ['test-images.bin', 'test-labels.bin']) {
    damage(path.join(cacheDir, name));
    fs.writeFileSync(path.join(cacheDir, `${name}.${NO_PROCESS}.partial`), 'of a process that was killed');
    const again = await loadCifar10({ cacheDir });
    expect(Buffer.compare(again.test.images, data.test.images)).toBe(0);
    const rebuilt = await loadCifar10({ cacheDir, packageDir: nowhere });
    expect(Buffer.compare(rebuilt.test.labels, data.test.labels)).toBe(0);
  }
  expect(fs.readdirSync(cacheDir).filter(name => name.includes('partial'))).toEqual([]);
});

test('a cache that cannot be written costs a warning, not the data', async () => {
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const file = path.join(cacheDir, 'test-images.bin');
  fs.rmSync(file);
  fs.mkdirSync(file);
  const loaded = await loadCifar10({ cacheDir });
  expect(Buffer.compare(loaded.test.images, data.test.images)).toBe(0);
  expect(warn.mock.calls[0][0]).toContain(cacheDir);
  fs.rmdirSync(file);
  warn.mockRestore();
});

test('a missing package, a damaged sprite and a foreign sprite are named', async () => {
  const fresh = path.join(scratch, 'fresh');
  await expect(loadCifar10({ cacheDir: fresh, packageDir: nowhere })).rejects.toThrow(
    /_lables\.json is missing.*npm ci/,
  );

  const broken = path.join(scratch, 'package');
  fs.mkdirSync(broken);
  for (const split of ['train', 'test']) {
    fs.copyFileSync(
      path.join(findSpritePackage(), `${split}_lables.json`),
      path.join(broken, `${split}_lables.json`),
    );
  }
  const sprite = path.join(broken, 'data_batch_1.png');
  fs.writeFileSync(sprite, 'not a picture');
  await expect(loadCifar10({ cacheDir: fresh, packageDir: broken })).rejects.toThrow(
    /data_batch_1\.png is damaged/,
  );
  fs.writeFileSync(sprite, PNG.sync.write(new PNG({ width: 4, height: 4 })));
  await expect(loadCifar10({ cacheDir: fresh, packageDir: broken })).rejects.toThrow(/4×4 pixels/);
  expect(fs.existsSync(path.join(fresh, 'train-images.bin'))).toBe(false);
});

describe('official binary batches', () => {
  const folder = path.join(scratch, 'official', 'cifar-10-batches-bin');

  beforeAll(() => {
    fs.mkdirSync(folder, { recursive: true });
    for (let b = 0; b < 6; b++) {
      const [split, first] = b < 5 ? [data.train, b * 10_000] : [data.test, 0];
      const records = Buffer.alloc(10_000 * 3073);
      for (let i = 0; i < 10_000; i++) {
        const image = imageBytes(split, first + i);
        records[i * 3073] = split.labels[first + i];
        for (let p = 0; p < 1024; p++) {
          for (let c = 0; c < 3; c++) records[i * 3073 + 1 + c * 1024 + p] = image[p * 3 + c];
        }
      }
      fs.writeFileSync(path.join(folder, b < 5 ? `data_batch_${b + 1}.bin` : 'test_batch.bin'), records);
    }
  });

  test('give the same bytes, from the folder or the one above it', async () => {
    for (const place of [folder, path.dirname(folder)]) {
      const official = await loadCifar10({ folder: place });
      expect(Buffer.compare(official.train.images, data.train.images)).toBe(0);
      expect(Buffer.compare(official.test.labels, data.test.labels)).toBe(0);
    }
  });

  test('damaged or missing ones are refused by name', async () => {
    const file = path.join(folder, 'test_batch.bin');
    flipBit(file);
    await expect(loadCifar10({ folder })).rejects.toThrow(/test images from .* are not CIFAR-10's/);
    fs.truncateSync(file, 3073);
    await expect(loadCifar10({ folder })).rejects.toThrow(/test_batch\.bin has 3073 bytes/);
    fs.rmSync(file);
    await expect(loadCifar10({ folder })).rejects.toThrow(UserError);
    await expect(loadCifar10({ folder: nowhere })).rejects.toThrow(/data_batch_1\.bin is missing/);
  });
});

test('subset copies the images asked for', () => {
  const part = subset(data.test, [7, 3]);
  expect(part.count).toBe(2);
  expect([...part.labels]).toEqual([data.test.labels[7], data.test.labels[3]]);
  expect(Buffer.compare(imageBytes(part, 1), imageBytes(data.test, 3))).toBe(0);
  expect(() => subset(data.test, [10_000])).toThrow(/Image 10000 is not in a split of 10000/);
});

test('indicesByClass finds the first images of each class', () => {
  const rows = indicesByClass(data.test, 3);
  rows.forEach((row, label) => {
    expect(row).toHaveLength(3);
    row.forEach(i => expect(data.test.labels[i]).toBe(label));
  });
  expect(rows[3][0]).toBe(0); // the test set's first image is a cat
});

function flipBit(file: string): void {
  const bytes = fs.readFileSync(file);
  bytes[bytes.length >> 1] ^= 1;
  fs.writeFileSync(file, bytes);
}
