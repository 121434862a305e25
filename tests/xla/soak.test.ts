/** Ten thousand small steps: tensors, buffers on the device and the process's memory stay flat. */
import * as tf from '@tensorflow/tfjs';
import { jit, useXla, xlaStats } from '../../src/xla';

beforeAll(() => useXla());

/** Resident megabytes after `steps` more steps; buffers and tensors are counted on the way. */
async function soak(
  step: () => tf.Scalar,
  steps: number,
): Promise<{ resident: number; arrays: number; tensors: number }> {
  for (let i = 0; i < steps; i++) {
    const loss = step();
    if (i % 50 === 0) await loss.data();
    loss.dispose();
  }
  (globalThis as { gc?: () => void }).gc?.();
  return {
    resident: process.memoryUsage().rss / 2 ** 20,
    arrays: xlaStats().arrays,
    tensors: tf.memory().numTensors,
  };
}

function problem(): () => tf.Scalar {
  const w = tf.variable(tf.zeros([8, 8]));
  const x = tf.ones([16, 8]);
  const momentum = tf.train.momentum(0.01, 0.9);
  return () => momentum.minimize(() => x.matMul(w).sub(1).square().mean() as tf.Scalar, true)!;
}

test.each([
  ['jit', 8000, (step: () => tf.Scalar) => jit(step)],
  ['lazily', 2000, (step: () => tf.Scalar) => () => tf.tidy(step)],
])('%s, %i steps', async (_, steps, wrap) => {
  const step = wrap(problem());
  await soak(step, steps / 4);
  const { compiled } = xlaStats();
  const first = await soak(step, steps / 4);
  const last = await soak(step, steps / 2);
  expect(last.tensors).toBe(first.tensors);
  // Where in a step the lazy way stops to compute may differ, by a few buffers and programs.
  expect(Math.abs(last.arrays - first.arrays)).toBeLessThan(10);
  expect(xlaStats().compiled - compiled).toBeLessThan(5);
  expect(last.resident - first.resident).toBeLessThan(60);
});
