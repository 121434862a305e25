/**
 * A program: trains a small ResNet on a named back end and prints what it holds as JSON, after some steps of warm-up and again
 * after many more. Run as a process of its own, whose memory is nobody else's.
 *
 *   tsx tests/backends/memoryGrowth.ts BACKEND WARM_UP STEPS
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { type BackendName, selectBackend } from '../../src/backends';
import { IMAGE_BYTES, type Split } from '../../src/data';
import { resnet } from '../../src/models';
import { fillOptions } from '../../src/train/options';
import { Sgd } from '../../src/train/sgd';
import { Feed, makeStep } from '../../src/train/step';
import { modelWeights } from '../../src/weights';
import { jit } from '../../src/xla/jit';

const BATCH = 16;

/** What the process holds at one moment. */
export interface Holdings {
  /** Tensors that TensorFlow.js knows. */
  tensors: number;
  /** Tensors that TensorFlow's add-on holds; on other back ends there are none. */
  handles: number | undefined;
  /** Resident memory once the garbage is collected, MB. */
  residentMB: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Pixels and labels that stand for images. */
function images(): Split {
  const pixels = Uint8Array.from({ length: BATCH * IMAGE_BYTES }, (_, i) => (i * 2654435761) >>> 24);
  return { images: pixels, labels: Uint8Array.from({ length: BATCH }, (_, i) => i % 10), count: BATCH };
}

function holdings(): Holdings {
  const { binding } = tf.backend() as unknown as { binding?: { getNumOfTensors(): number } };
  collectGarbage();
  return {
    tensors: tf.memory().numTensors,
    handles: binding?.getNumOfTensors(),
    residentMB: process.memoryUsage.rss() / 2 ** 20,
  };
}

async function main([backend, warmUp, steps]: string[]): Promise<void> {
  await selectBackend({ prefer: backend as BackendName });
  const model = resnet({ depth: 8, seed: 1 });
  const options = fillOptions({ batchSize: BATCH });
  const weights = modelWeights(model).filter(weight => weight.trainable);
  const step = jit(makeStep(model, weights, new Sgd(weights, options), undefined, options));
  const split = images();
  const feed = new Feed(split);
  const indices = Int32Array.from({ length: BATCH }, (_, i) => i);
  const labels = tf.tensor1d(split.labels, 'int32');
  const held: Holdings[] = [];
  for (let i = 1; i <= Number(warmUp) + Number(steps); i++) {
    const taken = feed.take(indices);
    const [seed, rate] = [tf.tensor1d([1, i], 'int32'), tf.scalar(0.01)];
    const report = await step.async(taken.images, taken.rows, labels, seed, rate);
    feed.release(taken);
    tf.dispose([report, seed, rate]);
    if (i === Number(warmUp) || i === Number(warmUp) + Number(steps)) held.push(holdings());
  }
  console.log(JSON.stringify(held));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
