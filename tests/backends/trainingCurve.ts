/**
 * A program: trains a small network of a family for some steps on a named back end and prints the losses as JSON. One process
 * a back end, as a person would run it: nothing of another back end is loaded, and a crash takes no test runner with it.
 *
 *   tsx tests/backends/trainingCurve.ts BACKEND FAMILY STEPS
 */
import * as tf from '@tensorflow/tfjs';
import { type BackendName, selectBackend } from '../../src/backends';
import { augmentBatch } from '../../src/data/augment';
import { resnet, resnext, vgg, wideResnet, withDropoutSeed } from '../../src/models';
import { statelessUniform } from '../../src/xla/random';

const BATCH = 4;
const IMAGES = 16;

/** Of every family, with all its kinds of layers, the smallest that plain JavaScript trains in seconds. */
const inputShape: [number, number, number] = [8, 8, 3];
const families: Record<string, () => tf.LayersModel> = {
  resnet: () => resnet({ depth: 8, inputShape, seed: 1 }),
  resnetV2: () => resnet({ depth: 11, blockType: 'bottleneck', inputShape, seed: 1 }),
  wideResnet: () => wideResnet({ depth: 10, width: 2, dropout: 0.3, inputShape, seed: 1 }),
  vgg: () => vgg({ depth: 11, stages: [[8], [8, 16]], inputShape, seed: 1 }),
  resnext: () => resnext({ depth: 11, cardinality: 4, groupWidth: 4, inputShape: [4, 4, 3], seed: 1 }),
};

/** What a run prints. */
export interface Curve {
  backend: string;
  losses: number[];
  /** Kernels that the steps called. */
  kernels: string[];
}

/** One step's loss: softmax cross-entropy and L2 of the kernels, by SGD with Nesterov momentum, as in the recipes. */
function lossOf(model: tf.LayersModel, images: tf.Tensor4D, labels: tf.Tensor): tf.Scalar {
  const logits = model.apply(images, { training: true }) as tf.Tensor2D;
  const decay = model.trainableWeights
    .filter(weight => weight.shape.length > 1)
    .map(weight => tf.sum(tf.square(weight.read())));
  return tf.losses.softmaxCrossEntropy(labels, logits).add(tf.addN(decay).mul(1e-4)) as tf.Scalar;
}

async function main([backend, family, steps]: string[]): Promise<void> {
  await selectBackend({ prefer: backend as BackendName });
  const model = families[family]();
  const [, height, width] = model.inputs[0].shape as number[];
  const pixels = statelessUniform([IMAGES, 32, 32, 3], tf.tensor1d([3, 1], 'int32'), 0, 256);
  const dataset = tf.cast(tf.floor(pixels), 'int32') as tf.Tensor4D;
  const optimizer = tf.train.momentum(0.05, 0.9, true);
  const losses: number[] = [];
  const kernels = new Set<string>();
  for (let step = 0; step < Number(steps); step++) {
    const profile = await tf.profile(() =>
      tf.tidy(() => {
        const order = Array.from({ length: BATCH }, (_, i) => (step * BATCH + i) % IMAGES);
        const augmented = augmentBatch(dataset, tf.tensor1d(order, 'int32'), tf.tensor1d([7, step], 'int32'));
        const images = tf.slice(augmented, [0, 0, 0, 0], [-1, height, width, -1]);
        const labels = tf.oneHot(
          tf.tensor1d(
            order.map(i => i % 10),
            'int32',
          ),
          10,
        );
        const seed = tf.tensor1d([9, step], 'int32');
        return optimizer.minimize(() => withDropoutSeed(seed, () => lossOf(model, images, labels)), true)!;
      }),
    );
    for (const name of profile.kernelNames) kernels.add(name);
    const loss = profile.result as tf.Scalar;
    losses.push((await loss.data())[0]);
    loss.dispose();
  }
  console.log(JSON.stringify({ backend, losses, kernels: [...kernels].sort() } satisfies Curve));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
