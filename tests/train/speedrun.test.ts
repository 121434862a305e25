import * as tf from '@tensorflow/tfjs';
import { type Cifar10, CLASS_NAMES, type Split } from '../../src/data';
import { airbench, airbenchInitial } from '../../src/models/airbench';
import { AlternatingFlip } from '../../src/train/speedrun/flip';
import { cropAndFlip, normalizeBytes, reflected } from '../../src/train/speedrun/images';
import {
  lookaheadDecay,
  rateAt,
  sgdSettings,
  AIRBENCH94,
  speedrunSteps,
} from '../../src/train/speedrun/recipe';
import { type Progress } from '../../src/train';
import { speedrun } from '../../src/train/speedrun';
import { patchCovariance, whiteningKernel } from '../../src/train/speedrun/whitening';
import { modelWeights } from '../../src/weights';
import { useXla } from '../../src/xla';

/** Images whose pixels are a smooth function of place and class. */
function images(count: number): Split {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const at = (i: number) => {
    const [image, y, x, c] = [Math.floor(i / 3072), Math.floor(i / 96) % 32, Math.floor(i / 3) % 32, i % 3];
    return 128 + 100 * Math.sin(((labels[image] + 1) * (x + 2 * y)) / 9 + c + image);
  };
  return { count, labels, images: Uint8Array.from({ length: count * 3072 }, (_, i) => at(i)) };
}

beforeAll(async () => {
  await useXla({ kind: 'cpu' });
});

test("the paper's schedule and settings", () => {
  expect(speedrunSteps(AIRBENCH94, 50_000)).toEqual({ scheduled: 476, taken: 475 });
  expect(() => speedrunSteps(AIRBENCH94, 1000)).toThrow(
    'batch of 1024 needs as many images, and there are 1000',
  );
  expect([0, 230, 1000].map(step => rateAt(step, 1000))).toEqual([0.2, 1, expect.closeTo(0.07, 10)]);
  expect(lookaheadDecay(476, 476)).toBeCloseTo(0.7738, 4);
  const { rate, decay, biasDecay } = sgdSettings(AIRBENCH94);
  expect(rate).toBeCloseTo(11.5 / (1024 * (23 / 3)), 8);
  expect(decay).toBeCloseTo((0.0153 * 1024) / 11.5, 6);
  expect(biasDecay * 64).toBeCloseTo(decay, 8);
});

test('the network: parameters, shapes, and first filters that pass their input on', () => {
  const model = airbench();
  expect(model.outputShape).toEqual([null, 10]);
  const kernel = (inputs: number, outputs: number) => 9 * inputs * outputs;
  const convolutions = kernel(24, 64) + kernel(64, 64) + kernel(64, 256) + 3 * kernel(256, 256);
  const count = modelWeights(model).filter(({ name }) => /kernel|bias|beta/.test(name));
  const parameters = count.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b), 0);
  expect(parameters).toBe(convolutions + 2 * 2 * (64 + 256 + 256) / 2 + 12 * 24 + 24 + 2560); // prettier-ignore
  const values = airbenchInitial('block1/conv1/kernel', [3, 3, 24, 64], 1);
  const x = tf.randomNormal([1, 5, 5, 24], 0, 1, 'float32', 1) as tf.Tensor4D;
  const y = tf.conv2d(x, tf.tensor4d(values, [3, 3, 24, 64]), 1, 'same').slice([0, 0, 0, 0], [1, 5, 5, 24]);
  expect(y.sub(x).abs().max().dataSync()[0]).toBeLessThan(1e-5);
  expect(Math.max(...values.filter((_, i) => i % 64 >= 24))).toBeCloseTo(1 / Math.sqrt(9 * 24), 3);
});

test('whitened patches have unit covariance', async () => {
  const x = normalizeBytes(tf.tensor4d(images(20).images, [20, 32, 32, 3], 'int32')).add(
    tf.randomNormal([20, 32, 32, 3], 0, 0.3, 'float32', 3),
  ) as tf.Tensor4D;
  const kernel = tf.tensor4d(whiteningKernel(await patchCovariance(x).data()), [2, 2, 3, 24]);
  const features = tf.conv2d(x, kernel, 1, 'valid').reshape([-1, 24]);
  const [half, other] = tf.split(features, 2, 1);
  expect(half.add(other).abs().max().dataSync()[0]).toBeLessThan(1e-3);
  const product = await tf.matMul(half, half, true).div(features.shape[0]).array() as number[][]; // prettier-ignore
  product.forEach((row, i) =>
    row.forEach((value, j) => expect(Math.abs(value - Number(i === j))).toBeLessThan(0.02)),
  );
});

test('crops are crops of the reflected image, mirrored when told so', async () => {
  const split = images(3);
  const padded = reflected(split, 2);
  const bytes = await padded.data();
  const byte = (image: number, y: number, x: number, c: number) => bytes[((image * 36 + y) * 36 + x) * 3 + c];
  const pixel = (image: number, y: number, x: number, c: number) =>
    split.images[((image * 32 + y) * 32 + x) * 3 + c];
  for (const [at, from] of [[0, 2], [1, 1], [2, 0], [33, 31], [34, 30], [35, 29]]) expect(byte(1, at, at, 1)).toBe(pixel(1, from, from, 1)); // prettier-ignore

  const rows = Int32Array.from({ length: 40 }, (_, i) => i % 3);
  const flips = Float32Array.from({ length: 40 }, (_, i) => i % 2);
  const seed = tf.tensor1d([1, 2], 'int32');
  const crops = await cropAndFlip(padded, tf.tensor1d(rows, 'int32'), tf.tensor1d(flips), seed).data();
  const plain = await normalizeBytes(padded.toFloat() as tf.Tensor4D).data();
  const seen = new Set<string>();
  rows.forEach((image, i) => {
    const matches: string[] = [];
    for (let dy = 0; dy < 5; dy++) {
      for (let dx = 0; dx < 5; dx++) {
        const same = (y: number, x: number) => {
          const column = flips[i] ? 31 - x : x;
          const expected = plain[((image * 36 + y + dy) * 36 + column + dx) * 3];
          return Math.abs(crops[((i * 32 + y) * 32 + x) * 3] - expected) < 1e-4;
        };
        const places = Array.from({ length: 1024 }, (_, p) => [p >> 5, p & 31]);
        if (places.every(([y, x]) => same(y, x))) matches.push(`${dy},${dx}`);
      }
    }
    expect(matches.length).toBeGreaterThan(0);
    seen.add(matches[0]);
  });
  expect(seen.size).toBeGreaterThan(8);
});

test('each image is mirrored in every other epoch, half of them in the first', () => {
  const flips = new AlternatingFlip(1000, 3);
  const inEpoch = (epoch: number) => Array.from({ length: 1000 }, (_, image) => flips.at(image, epoch));
  const first = inEpoch(0);
  expect(inEpoch(1)).toEqual(first.map(flip => 1 - flip));
  expect(inEpoch(6)).toEqual(first);
  expect(Math.abs(first.reduce((a, b) => a + b) - 500)).toBeLessThan(60);
});

test('a shortened run learns, and gives the same again', async () => {
  const data: Cifar10 = { train: images(200), test: images(50), classNames: CLASS_NAMES };
  const options = {
    recipe: { epochs: 20, batchSize: 50 },
    network: { filters: [8, 8, 8] },
    seed: 1,
  } as const;
  const first = await speedrun(data, options);
  expect(first.steps).toBe(80);
  expect(first.curve.map(({ step }) => step)).toEqual(Array.from({ length: 16 }, (_, i) => 5 * (i + 1)));
  expect(first.curve[15].loss).toBeLessThan(first.curve[0].loss - 0.05);
  expect(first.testError).toBeLessThan(80);
  const reports: Progress[] = [];
  const again = await speedrun(data, { ...options, onRound: report => reports.push(report) });
  expect(again.curve).toEqual(first.curve);
  expect(reports.map(({ step, loss, error }) => ({ step, loss, error }))).toEqual(first.curve);
  expect(reports[15]).toMatchObject({ steps: 80, epoch: 20, epochs: 20, secondsLeft: 0 });
  const stop = new AbortController();
  const onRound = ({ step }: Progress) => step === 10 && stop.abort();
  const broken = await speedrun(data, { ...options, signal: stop.signal, onRound });
  expect(broken.steps).toBe(10);
  expect(broken.curve).toEqual(first.curve.slice(0, 2));
  await tf.setBackend('cpu');
  await expect(speedrun(data, options)).rejects.toThrow(/needs back end xla, not cpu/);
});
