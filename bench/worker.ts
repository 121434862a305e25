/** Our own training step on one tfjs back end, as a process that speaks the peers' protocol (peers/protocol.py). */
import * as readline from 'readline';
import * as tf from '@tensorflow/tfjs';
import { type BackendName, selectBackend } from '../src/backends';
import { type Split, IMAGE_BYTES } from '../src/data';
import { createModel } from '../src/models';
import { fillOptions } from '../src/train/options';
import { Sgd } from '../src/train/sgd';
import { Feed, makeStep } from '../src/train/step';
import { modelWeights } from '../src/weights';
import { type CutOptions, type PrecisionPolicy, setPrecisionPolicy } from '../src/xla';
import { jit } from '../src/xla/jit';
import { type Variant } from './peer';

const CUT: Partial<Record<Variant, CutOptions>> = { whole: { above: Infinity }, cut: { above: 0 } };

const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

/** Pixels and labels that stand for a data set of `count` images. */
function images(count: number): Split {
  const pixels = Uint8Array.from({ length: count * IMAGE_BYTES }, (_, i) => (i * 2654435761) >>> 24);
  return { images: pixels, labels: Uint8Array.from({ length: count }, (_, i) => i % 10), count };
}

async function main(): Promise<void> {
  const [backend, name, size, precision, variant] = process.argv.slice(2);
  const batch = Number(size);
  const begin = performance.now();
  const selected = await selectBackend({ prefer: backend as BackendName });
  setPrecisionPolicy(precision as PrecisionPolicy);
  const model = createModel(name);
  const options = fillOptions({ batchSize: batch, augment: variant === 'input' });
  const weights = modelWeights(model).filter(weight => weight.trainable);
  const step = jit(makeStep(model, weights, new Sgd(weights, options), undefined, options), {
    name: `bench ${name}`,
    onTrace: () => undefined,
    cut: CUT[variant as Variant],
  });
  const feed = new Feed(images(2 * batch));
  const indices = Int32Array.from({ length: batch }, (_, i) => i);
  const labels = tf.tensor1d(
    Array.from(indices, i => i % 10),
    'int32',
  );
  const run = async (): Promise<void> => {
    const taken = feed.take(indices);
    const [seed, rate] = [tf.tensor1d([1, 2], 'int32'), tf.scalar(0.01)];
    const report = await step.async(taken.images, taken.rows, labels, seed, rate);
    await report.data();
    await weights[0].variable.read().data(); // of a step cut into several programs, the one that is computed last
    feed.release(taken);
    tf.dispose([report, seed, rate]);
  };
  await run();
  const seconds = (performance.now() - begin) / 1000;
  say({ version: `${selected.device}`, device: selected.kind, compileSeconds: seconds });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const ms: number[] = [];
    const before = process.cpuUsage();
    for (let i = 0; i < Number(line); i++) {
      const start = performance.now();
      await run();
      ms.push(performance.now() - start);
    }
    const used = process.cpuUsage(before);
    const cpuMs = (used.user + used.system) / 1000 / Math.max(1, ms.length);
    say({ ms, cpuMs, peakMB: process.resourceUsage().maxRSS / 1024 });
  }
}

void main();
