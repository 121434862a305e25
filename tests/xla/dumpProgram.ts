/** Gradient of a convolution and batch norm by the filter, on xla; prints the sum of its squares. */
import * as tf from '@tensorflow/tfjs';
import { batchNormTraining } from '../../src/models/batchNorm';
import { seedTensor, statelessUniform, useXla } from '../../src/xla';

async function main(): Promise<void> {
  await useXla({ kind: 'cpu' });
  const x = statelessUniform([8, 16, 16, 16], seedTensor(1)) as tf.Tensor4D;
  const w = statelessUniform([3, 3, 16, 16], seedTensor(2)) as tf.Tensor4D;
  const [one, none] = [tf.ones([16]) as tf.Tensor1D, tf.zeros([16]) as tf.Tensor1D];
  const gradient = tf.grad(filter => {
    const y = tf.conv2d(x, filter as tf.Tensor4D, 1, 'same');
    return batchNormTraining(y, one, none, 1e-5).y.pow(3).mean();
  })(w);
  console.log((await gradient.square().sum().data())[0]);
}

void main();
