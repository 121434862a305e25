/**
 * A process that trains a small residual network for some steps on several devices and prints the losses as JSON:
 * `tsx shardingProgram.ts PLUGIN DEVICES STEPS`. The number of devices is fixed when a client is opened.
 */
import * as tf from '@tensorflow/tfjs';
import { withDropoutSeed, resnet } from '../../src/models';
import { augmentBatch } from '../../src/data';
import { jit, uint8Tensor, useXla, xlaStats } from '../../src/xla';

const [, , plugin, deviceCount, stepCount] = process.argv;
const [devices, steps, images, batch] = [Number(deviceCount), Number(stepCount), 256, 32];

/** Whole numbers below `below`, always the same. */
function noise(count: number, below: number): number[] {
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return state % below;
  });
}

async function main(): Promise<void> {
  const info = await useXla({ plugin, cpuDevices: devices, cache: false });
  const model = resnet({ depth: 8, seed: 1 });
  const labels = noise(images, 10);
  const pixels = Uint8Array.from(noise(images * 3072, 200), (x, i) => x + 5 * labels[Math.floor(i / 3072)]);
  const resident = uint8Tensor(pixels, [images, 32, 32, 3]) as tf.Tensor4D;
  const optimizer = tf.train.momentum(0.01, 0.9);
  const step = jit(
    (all: tf.Tensor4D, rows: tf.Tensor1D, classes: tf.Tensor1D, seed: tf.Tensor1D) =>
      withDropoutSeed(seed, () =>
        optimizer.minimize(() => {
          const logits = model.apply(augmentBatch(all, rows, seed), { training: true }) as tf.Tensor2D;
          return tf.losses.softmaxCrossEntropy(tf.oneHot(classes, 10), logits);
        }, true),
      ),
    { name: 'step', onTrace: () => undefined, sharding: { devices, split: { 1: 0, 2: 0 } } },
  );
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const indices = Array.from({ length: batch }, (_, j) => (i * batch + j) % images);
    const rows = tf.tensor1d(indices, 'int32');
    const classes = tf.tensor1d(indices.map(j => labels[j]), 'int32'); // prettier-ignore
    const seed = tf.tensor1d([7, i], 'int32');
    const loss = (await step.async(resident, rows, classes, seed)) as tf.Scalar;
    losses.push((await loss.data())[0]);
    tf.dispose([rows, classes, seed, loss]);
  }
  // What the devices learnt is there for programs on one device.
  const logits = model.predict(tf.ones([2, 32, 32, 3])) as tf.Tensor2D;
  const sum = (await logits.sum().data())[0];
  const rows = tf.zeros([batch], 'int32') as tf.Tensor1D;
  const program = step.optimized(resident, rows, rows, tf.zeros([2], 'int32'));
  const collectives = (program.match(/ all-reduce\(/g) ?? []).length;
  console.log(
    JSON.stringify({ losses, sum, collectives, devices: info.devices.length, arrays: xlaStats().arrays }),
  );
}

void main();
