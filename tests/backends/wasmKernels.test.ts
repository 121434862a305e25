import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { silenceCpuBanner } from '../../src/backends/cpu';
import { registerWasmTrainingKernels, wasmTrainingKernelNames } from '../../src/backends/wasm/kernels';

silenceCpuBanner();
registerWasmTrainingKernels();

type Pad = 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
interface Case {
  image: [number, number, number, number];
  filter: [number, number, number, number];
  strides: number | [number, number];
  pad: Pad;
}

/** Uneven sizes, strides and paddings on purpose: what an off-by-one would show in. */
const cases: Case[] = [
  { image: [2, 8, 8, 3], filter: [3, 3, 3, 4], strides: 1, pad: 'same' },
  { image: [2, 8, 8, 3], filter: [3, 3, 3, 4], strides: 2, pad: 'same' },
  { image: [2, 9, 7, 3], filter: [3, 3, 3, 4], strides: 2, pad: 'same' },
  { image: [2, 8, 8, 5], filter: [1, 1, 5, 4], strides: 2, pad: 'same' },
  { image: [2, 8, 8, 5], filter: [1, 1, 5, 4], strides: 1, pad: 'valid' },
  { image: [3, 8, 7, 2], filter: [3, 2, 2, 3], strides: [1, 2], pad: 'valid' },
  { image: [3, 9, 7, 2], filter: [5, 4, 2, 3], strides: [3, 2], pad: 'same' },
  { image: [1, 6, 6, 2], filter: [3, 3, 2, 2], strides: 1, pad: 2 },
  { image: [1, 6, 6, 2], filter: [1, 1, 2, 2], strides: 1, pad: 1 },
  {
    image: [1, 7, 6, 2],
    filter: [3, 3, 2, 2],
    strides: 2,
    pad: [
      [0, 0],
      [1, 0],
      [2, 1],
      [0, 0],
    ],
  },
];

const describeCase = (c: Case) =>
  `${c.image.join('x')} * ${c.filter.join('x')} / ${c.strides}, pad ${JSON.stringify(c.pad)}`;

/** Numbers that differ from place to place and are the same on every back end. */
const pattern = (shape: number[], seed: number) =>
  Float32Array.from(
    { length: tf.util.sizeFromShape(shape) },
    (_, i) => Math.sin(seed + i * 0.731) + 0.1 * ((i % 7) - 3),
  );

async function gradients(
  backend: string,
  c: Case,
): Promise<{ dx: Float32Array; dw: Float32Array; y: tf.Tensor }> {
  await tf.setBackend(backend);
  const x = tf.tensor4d(pattern(c.image, 1), c.image);
  const w = tf.tensor4d(pattern(c.filter, 2), c.filter);
  const y = tf.conv2d(x, w, c.strides, c.pad);
  const dy = tf.tensor(pattern(y.shape, 3), y.shape);
  const [dx, dw] = tf.grads((a, b) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, c.strides, c.pad))(
    [x, w],
    dy,
  );
  expect(dx.shape).toEqual(c.image);
  expect(dw.shape).toEqual(c.filter);
  return { dx: (await dx.data()) as Float32Array, dw: (await dw.data()) as Float32Array, y };
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    worst = Math.max(worst, Math.abs(actual[i] - expected[i]) / (1 + Math.abs(expected[i])));
  }
  expect(worst).toBeLessThan(tolerance);
}

test('the added kernels are registered, and registering them again does nothing', () => {
  expect(wasmTrainingKernelNames).toContain('Conv2DBackpropFilter');
  for (const name of wasmTrainingKernelNames) expect(tf.getKernel(name, 'wasm')).toBeDefined();
  expect(() => registerWasmTrainingKernels()).not.toThrow();
});

test.each(cases.map(c => [describeCase(c), c] as const))(
  'convolution gradients equal the cpu back end: %s',
  async (_, c) => {
    const wasm = await gradients('wasm', c);
    const cpu = await gradients('cpu', c);
    expectClose(wasm.dx, cpu.dx, 2e-5);
    expectClose(wasm.dw, cpu.dw, 2e-5);
  },
);

test('convolution gradients equal finite differences', async () => {
  const c = cases[6];
  const { dx, dw } = await gradients('wasm', c);
  await tf.setBackend('wasm');
  const x = pattern(c.image, 1);
  const w = pattern(c.filter, 2);
  // The convolution is linear in each argument, so that a large step is exact and rounding is small against it.
  const loss = (images: Float32Array, filter: Float32Array) =>
    tf.tidy(() => {
      const y = tf.conv2d(tf.tensor4d(images, c.image), tf.tensor4d(filter, c.filter), c.strides, c.pad);
      return tf.sum(tf.mul(y, tf.tensor(pattern(y.shape, 3), y.shape))).dataSync()[0];
    });
  const step = 1;
  const moved = (values: Float32Array, at: number, by: number) =>
    Float32Array.from(values, (v, i) => (i === at ? v + by : v));
  for (let at = 0; at < x.length; at += 11) {
    const difference = (loss(moved(x, at, step), w) - loss(moved(x, at, -step), w)) / (2 * step);
    expect(Math.abs(difference - dx[at])).toBeLessThan(1e-3 * (1 + Math.abs(dx[at])));
  }
  for (let at = 0; at < w.length; at += 7) {
    const difference = (loss(x, moved(w, at, step)) - loss(x, moved(w, at, -step))) / (2 * step);
    expect(Math.abs(difference - dw[at])).toBeLessThan(1e-3 * (1 + Math.abs(dw[at])));
  }
});

test('the gradient kernels leave no tensor behind', async () => {
  await tf.setBackend('wasm');
  const x = tf.ones([2, 8, 8, 3]) as tf.Tensor4D;
  const w = tf.ones([3, 3, 3, 4]) as tf.Tensor4D;
  const gradient = tf.grads((a, b) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 2, 'same'));
  tf.dispose(gradient([x, w]));
  const before = tf.memory().numTensors;
  for (let i = 0; i < 3; i++) tf.dispose(gradient([x, w]));
  expect(tf.memory().numTensors).toBe(before);
  expect(tf.memory().numDataBuffers).toBe(before);
});
