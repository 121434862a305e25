import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { type CutOptions, boundary, jit, type Jit, useXla, xlaStats } from '../../src/xla';

const WIDTH = 128;
const BATCH = 128; // large enough that values are computed anew rather than handed on

/** A residual network of dense blocks and its training step. */
class Network {
  readonly weights: tf.Variable[];
  readonly velocities: tf.Variable[];

  constructor(readonly blocks: number) {
    this.weights = Array.from({ length: blocks + 1 }, (_, i) =>
      tf.variable(tf.randomNormal([WIDTH, WIDTH], 0, 0.02, 'float32', i + 1)),
    );
    this.velocities = this.weights.map(w => tf.variable(tf.zerosLike(w)));
  }

  private loss(x: tf.Tensor2D, target: tf.Tensor2D): tf.Scalar {
    const [last, ...blocks] = this.weights;
    for (const w of blocks) x = boundary(tf.add(x, tf.relu(x.sub(0.1)).matMul(w)));
    return x.matMul(last).sub(target).square().mean();
  }

  readonly step = (x: tf.Tensor2D, target: tf.Tensor2D, rate: tf.Scalar): tf.Scalar => {
    const { value, grads } = tf.variableGrads(() => this.loss(x, target), this.weights);
    this.weights.forEach((w, i) => {
      const v = this.velocities[i];
      v.assign(v.mul(0.9).add(grads[w.name].add(w.mul(1e-3))));
      w.assign(w.sub(v.mul(rate)));
    });
    return value;
  };

  dispose(): void {
    [...this.weights, ...this.velocities].forEach(v => v.dispose());
  }
}

/** Functions that are collected let go what they have captured, at some time: not while memory is looked at. */
const functions: unknown[] = [];

/** Losses of some steps, and the weights after them. */
async function train(blocks: number, cut: CutOptions | undefined, steps = 4) {
  const before = xlaStats();
  const network = new Network(blocks);
  const x = tf.randomNormal<tf.Rank.R2>([BATCH, WIDTH], 0, 1, 'float32', 100);
  const target = tf.randomNormal<tf.Rank.R2>([BATCH, WIDTH], 0, 1, 'float32', 101);
  const rate = tf.scalar(1);
  const step: Jit<[tf.Tensor2D, tf.Tensor2D, tf.Scalar], tf.Scalar> = jit(network.step, { cut });
  functions.push(step);
  const losses: number[] = [];
  const memory: number[] = [];
  for (let i = 0; i < steps; i++) {
    const loss = await step.async(x, target, rate);
    losses.push((await loss.data())[0]);
    loss.dispose();
    memory.push(xlaStats().bytes - before.bytes);
  }
  const stats = xlaStats();
  const weights = await Promise.all(network.weights.map(async w => [...(await w.data())]));
  const text = tf.getBackend() === 'xla' ? step.stablehlo(x, target, rate) : '';
  network.dispose();
  tf.dispose([x, target, rate]);
  return { losses, weights, text, memory, executed: stats.executed - before.executed };
}

const modules = (text: string): number => text.split('module @').length - 1;
const largest = (a: number[][], b: number[][]): number =>
  a.reduce((top, row, i) => row.reduce((most, x, j) => Math.max(most, Math.abs(x - b[i][j])), top), 0);

beforeAll(() => useXla());

test('cut into parts, a step computes what it computes whole, and what cpu computes', async () => {
  const whole = await train(12, { above: Infinity });
  const parts = await train(12, { above: 0, size: 1 });
  await tf.setBackend('cpu');
  const truth = await train(12, undefined);
  await tf.setBackend('xla');
  expect(modules(whole.text)).toBe(1);
  expect(whole.executed).toBeLessThanOrEqual(5); // the first is the velocities'
  expect(parts.executed).toBeGreaterThanOrEqual(4 * 24); // a part each block forward, and one backward
  parts.losses.forEach((loss, i) => {
    expect(loss).toBeCloseTo(whole.losses[i], 5);
    expect(loss).toBeCloseTo(truth.losses[i], 4);
  });
  expect(truth.losses[3]).toBeLessThan(truth.losses[0] * 0.9);
  expect(largest(parts.weights, whole.weights)).toBeLessThan(1e-5);
  expect(largest(parts.weights, truth.weights)).toBeLessThan(1e-4);
});

test('equal blocks are compiled once, however many there are', async () => {
  const [short, long] = [
    await train(10, { above: 0, size: 1 }, 1),
    await train(30, { above: 0, size: 1 }, 1),
  ];
  expect(modules(long.text)).toBe(modules(short.text));
  expect(modules(long.text)).toBeLessThanOrEqual(8);
  expect(long.executed - short.executed).toBe(40);
  const joined = await train(30, { above: 0, size: 100 }, 1);
  expect(joined.executed).toBeLessThan(long.executed / 2);
});

test('memory: what the parts hand on is freed, variables are overwritten', async () => {
  const { memory } = await train(12, { above: 0, size: 1 });
  const { memory: whole } = await train(12, { above: Infinity });
  expect(memory).toEqual(whole);
  expect(new Set(memory).size).toBe(1);
});

test('what one array gives is computed anew, not handed on', async () => {
  const { text } = await train(6, { above: 0, size: 1 }, 1);
  // Backward, a block takes its input, the gradient of its output, the weight and the velocity, and the rate: not relu's result.
  const large = text
    .split('\n')
    .filter(line => line.includes('@main('))
    .map(line => line.slice(0, line.indexOf('->')).split(`tensor<${BATCH}x${WIDTH}xf32>`).length - 1);
  expect(Math.max(...large)).toBeLessThanOrEqual(5);
});

test('a short function stays whole; without boundaries every one does', async () => {
  const { text } = await train(6, undefined, 1);
  expect(modules(text)).toBe(1);
  const x = tf.ones([4]);
  const plain = jit((y: tf.Tensor) => y.add(1).mul(2).sub(3), { cut: { above: 0, size: 1 } });
  expect(modules(plain.stablehlo(x))).toBe(1);
});
