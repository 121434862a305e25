/** Gradient of a convolution by its filter, on xla; prints a sum of it. */
import * as tf from '@tensorflow/tfjs';
import { seedTensor, statelessUniform, useXla } from '../../src/xla';

async function main(): Promise<void> {
  await useXla({ kind: 'cpu' });
  const x = statelessUniform([8, 16, 16, 16], seedTensor(1)) as tf.Tensor4D;
  const w = statelessUniform([3, 3, 16, 16], seedTensor(2)) as tf.Tensor4D;
  const gradient = tf.grad(filter =>
    tf
      .conv2d(x, filter as tf.Tensor4D, 1, 'same')
      .square()
      .mean(),
  )(w);
  console.log((await gradient.sum().data())[0]);
}

void main();
