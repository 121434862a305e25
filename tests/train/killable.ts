/**
 * A small run in a process of its own, to be killed: `tsx killable.ts FOLDER STEPS EVERY_STEPS`. Prints a line a step, `saved`'s
 * trouble as warnings, and in the end the sha256 of everything that the run has made.
 */
import { createHash } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import { selectBackend } from '../../src/backends';
import { CLASS_NAMES, type Cifar10, type Split } from '../../src/data';
import { Dropout } from '../../src/models';
import { hashString, sfc32 } from '../../src/models/random';
import { train } from '../../src/train';
import { readWeights } from '../../src/weights';

/** Made-up images: what is tested here is the run, not what it learns. */
export function madeUpSplit(count: number, name: string): Split {
  const next = sfc32(1, 2, 3, hashString(name));
  const images = Uint8Array.from({ length: count * 3072 }, () => next() & 255);
  const labels = Uint8Array.from({ length: count }, () => next() % 10);
  return { images, labels, count };
}

export function madeUpData(): Cifar10 {
  return { train: madeUpSplit(100, 'train'), test: madeUpSplit(50, 'test'), classNames: CLASS_NAMES };
}

/** Has what a run's state can consist of: kernels, biases, batch norm, dropout. */
export function smallModel(seed: number): tf.LayersModel {
  const initializer = () => tf.initializers.heNormal({ seed });
  return tf.sequential({
    name: 'small',
    layers: [
      tf.layers.conv2d({
        name: 'conv',
        inputShape: [32, 32, 3],
        filters: 4,
        kernelSize: 3,
        strides: 4,
        kernelInitializer: initializer(),
      }),
      tf.layers.batchNormalization({ name: 'bn' }),
      tf.layers.activation({ name: 'relu', activation: 'relu' }),
      new Dropout({ name: 'dropout', rate: 0.2 }),
      tf.layers.globalAveragePooling2d({ name: 'pool', dataFormat: 'channelsLast' }),
      tf.layers.dense({ name: 'dense', units: 10, kernelInitializer: initializer() }),
    ],
  });
}

async function main(folder: string, stopAfter: number, everySteps: number): Promise<void> {
  await selectBackend();
  const model = smallModel(5);
  const result = await train(model, madeUpData(), {
    schedule: { type: 'cosine', peak: 0.05, steps: 1000 },
    ...{ stopAfter, batchSize: 16, nesterov: true, ema: 0.9, labelSmoothing: 0.1, seed: 3 },
    ...{ logInterval: 7, validationInterval: 40 },
    checkpoint: { folder, everySteps, everySeconds: 1000 },
    onProgress: ({ step }) => process.stdout.write(`step ${step}\n`),
    onWarning: message => process.stdout.write(`warning: ${message}\n`),
  });
  const hash = createHash('sha256');
  for (const [name, { data }] of await readWeights(model))
    hash.update(name).update(new Uint8Array(data.buffer));
  hash.update(JSON.stringify([result.curve, result.trainCurve, result.final, result.best]));
  process.stdout.write(`sha256 ${hash.digest('hex')}\n`);
}

if (require.main === module) void main(process.argv[2], Number(process.argv[3]), Number(process.argv[4]));
