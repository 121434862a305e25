/** Ends while programs run that it has started: by its last line, by process.exit, or by an error, as its argument says. */
import * as tf from '@tensorflow/tfjs';
import { useXla } from '../../src/xla';

async function main(how: string): Promise<void> {
  await useXla({ kind: 'cpu' });
  const matrix = tf.variable(tf.randomNormal([1500, 1500]));
  for (let i = 0; i < 60; i++) tf.tidy(() => matrix.assign(matrix.matMul(matrix).tanh().add(0)));
  if (how === 'exit') process.exit(4);
  if (how === 'error') throw new Error('the end');
}

void main(process.argv[2]);
