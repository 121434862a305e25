/** A process of its own that computes one convolution and prints what it did as JSON. */
import * as tf from '@tensorflow/tfjs';
import { jit, useXla, xlaStats } from '../../src/xla';

async function main(): Promise<void> {
  const { native } = await useXla({ kind: 'cpu', cache: { minCompileMs: 0 } });
  const [x, filter] = [tf.ones([8, 8, 8, 16]), tf.ones([3, 3, 16, 16])] as [tf.Tensor4D, tf.Tensor4D];
  const total = jit((a: tf.Tensor4D, b: tf.Tensor4D) => tf.conv2d(a, b, 1, 'same').sum());
  const [sum] = await (await total.async(x, filter)).data();
  const { compiled, loaded } = xlaStats();
  console.log(JSON.stringify({ native, compiled, loaded, sum }));
}

void main().then(() => process.exit());
