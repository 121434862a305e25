import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as path from 'path';
import { augmentBatch, normalize, shiftAndFlip } from '../../src/data/augment';
import { MEAN, STD } from '../../src/data/format';

setWasmPaths(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + '/');

/** Every shift of −4…4 in both directions, with and without a flip: 162 cases. */
const cases = Array.from({ length: 162 }, (_, i) => ({
  dy: (i % 9) - 4,
  dx: (Math.floor(i / 9) % 9) - 4,
  flip: i < 81 ? 0 : 1,
}));

/** Random bytes as images `[n, 32, 32, 3]`. */
function pixels(n: number): Uint8Array {
  let state = 12345;
  return Uint8Array.from(
    { length: n * 3072 },
    () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 24,
  );
}

/** What shiftAndFlip must give, in plain loops. */
function reference(image: Uint8Array, dy: number, dx: number, flip: number): number[] {
  const out: number[] = [];
  for (let y = 0; y < 32; y++) {
    for (let x = 0; x < 32; x++) {
      for (let c = 0; c < 3; c++) {
        const sy = y + dy;
        const sx = (flip ? 31 - x : x) + dx;
        out.push(sy < 0 || sy > 31 || sx < 0 || sx > 31 ? -1 : image[(sy * 32 + sx) * 3 + c]);
      }
    }
  }
  return out;
}

describe.each(['cpu', 'wasm'])('on %s', backend => {
  beforeAll(async () => {
    expect(await tf.setBackend(backend)).toBe(true);
  });

  test('shiftAndFlip is exact for every shift and flip', () => {
    const bytes = pixels(cases.length);
    const got = tf.tidy(() =>
      shiftAndFlip(
        tf.tensor4d(bytes, [cases.length, 32, 32, 3], 'int32'),
        tf.tensor1d(cases.map(c => c.dy)),
        tf.tensor1d(cases.map(c => c.dx)),
        tf.tensor1d(cases.map(c => c.flip)),
      ).dataSync(),
    );
    cases.forEach(({ dy, dx, flip }, i) => {
      const expected = reference(bytes.subarray(i * 3072, (i + 1) * 3072), dy, dx, flip);
      expect([...got.subarray(i * 3072, (i + 1) * 3072)]).toEqual(expected);
    });
  });

  test('normalize is (x / 255 − mean) / std by channel', () => {
    const got = tf.tidy(() => normalize(tf.tensor4d([0, 128, 255], [1, 1, 1, 3], 'int32')).dataSync());
    [0, 128, 255].forEach((x, c) => expect(got[c]).toBeCloseTo((x / 255 - MEAN[c]) / STD[c], 4));
  });

  test('augmentBatch crops, flips and pads the images asked for, with zeros outside', () => {
    const bytes = pixels(8);
    const indices = Array.from({ length: 64 }, (_, i) => (i * 3) % 8);
    const batch = (seed: [number, number]) =>
      tf.tidy(() =>
        augmentBatch(
          tf.tensor4d(bytes, [8, 32, 32, 3], 'int32'),
          tf.tensor1d(indices, 'int32'),
          tf.tensor1d(seed, 'int32'),
        ).dataSync(),
      );
    const got = batch([1, 2]);
    expect(got).toEqual(batch([1, 2]));
    expect(got).not.toEqual(batch([1, 3]));

    const seen = new Set<string>();
    indices.forEach((index, i) => {
      // Undo the normalization; zero outside would be the mean color, which is no whole number.
      const image = got.subarray(i * 3072, (i + 1) * 3072);
      const raw = Array.from(image, (v, k) =>
        v === 0 ? -1 : Math.round((v * STD[k % 3] + MEAN[k % 3]) * 255),
      );
      const match = cases.find(({ dy, dx, flip }) => {
        const expected = reference(bytes.subarray(index * 3072, (index + 1) * 3072), dy, dx, flip);
        return raw.every((v, k) => v === expected[k]);
      });
      expect(match).toBeDefined();
      seen.add(`${match!.dy} ${match!.dx} ${match!.flip}`);
    });
    expect(seen.size).toBeGreaterThan(40); // 64 draws of 162
  });

  test('leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      augmentBatch(
        tf.zeros([2, 32, 32, 3], 'int32'),
        tf.tensor1d([0, 1], 'int32'),
        tf.tensor1d([1, 2], 'int32'),
      );
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
