/** Run by setup-tensorflow.mjs: does the back end start, compute a product right, and how fast? */
import * as tf from '@tensorflow/tfjs';
import { selectBackend } from '../../src/backends';

const SIZE = 1024;
const ROUNDS = 10;

/** Entry (`row`, `column`) of the product of two matrices whose entries are `entry(index)` and `entry(index + 1)`. */
const entry = (index: number) => ((index * 7919) % 101) / 101 - 0.5;
function expected(row: number, column: number): number {
  let sum = 0;
  for (let k = 0; k < SIZE; k++) sum += entry(row * SIZE + k) * entry(k * SIZE + column + 1);
  return sum;
}

async function main(): Promise<void> {
  const { device } = await selectBackend({ prefer: 'tensorflow' });
  const a = tf.tensor2d(
    Float32Array.from({ length: SIZE * SIZE }, (_, i) => entry(i)),
    [SIZE, SIZE],
  );
  const b = tf.tensor2d(
    Float32Array.from({ length: SIZE * SIZE }, (_, i) => entry(i + 1)),
    [SIZE, SIZE],
  );
  const product = await tf.matMul(a, b).data();
  for (const [row, column] of [
    [0, 0],
    [17, 1000],
    [SIZE - 1, SIZE - 1],
  ]) {
    const error = Math.abs(product[row * SIZE + column] - expected(row, column));
    if (!(error < 1e-3)) throw new Error(`the matrix product is wrong by ${error} at (${row}, ${column})`);
  }
  const started = performance.now();
  for (let i = 0; i < ROUNDS; i++) {
    const c = tf.matMul(a, b);
    if (i === ROUNDS - 1) await c.data();
    c.dispose();
  }
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${device}; ${SIZE}×${SIZE} matrix product right, ${((2 * SIZE ** 3 * ROUNDS) / seconds / 1e9).toFixed(0)} GFLOP/s`,
  );
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
