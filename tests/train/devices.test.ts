import * as tf from '@tensorflow/tfjs';
import { selectBackend } from '../../src/backends';
import { type Cifar10 } from '../../src/data';
import { resnet } from '../../src/models';
import { train } from '../../src/train';
import { fillOptions } from '../../src/train/options';
import { discoverPlugins } from '../../src/xla/pjrt';

const hasPlugin = discoverPlugins().found.some(({ kind }) => kind === 'cpu');

/** A split of images that differ by class. */
function split(count: number): Cifar10['train'] {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
  const images = Uint8Array.from(
    { length: count * 3072 },
    (_, i) => (i * 31 + 20 * (Math.floor(i / 3072) % 10)) % 256,
  );
  return { count, images, labels };
}

(hasPlugin ? test : test.skip)('a run on two devices is the run on one', async () => {
  await selectBackend({ prefer: 'xla' });
  const data = { train: split(64), test: split(16) };
  const losses: number[][] = [];
  for (const devices of [1, 2]) {
    const model = resnet({ depth: 8, seed: 1 });
    const options = { devices, batchSize: 16, stopAfter: 4, logInterval: 1 };
    losses.push((await train(model, data as Cifar10, options)).trainCurve.map(({ loss }) => loss));
  }
  expect(losses[0]).toHaveLength(4);
  losses[0].forEach((loss, i) => expect(Math.abs(losses[1][i] - loss)).toBeLessThan(1e-3));
});

test('a back end that has one device refuses two, and nothing of the run is left', async () => {
  await selectBackend({ prefer: 'cpu' });
  const model = resnet({ depth: 8, seed: 1 });
  const before = tf.memory().numTensors;
  const data = { train: split(16), test: split(16) } as Cifar10;
  await expect(train(model, data, { devices: 2, batchSize: 16 })).rejects.toThrow('computes on one: use xla');
  expect(tf.memory().numTensors).toBe(before);
});

test('devices must divide the batch', () => {
  expect(() => fillOptions({ devices: 3 })).toThrow('batchSize is 128; give a multiple of devices, 3.');
  expect(() => fillOptions({ devices: 0.5 })).toThrow('devices is 0.5');
});
