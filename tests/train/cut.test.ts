/** A real step, cut between its residual blocks, does what it does whole. */
import * as tf from '@tensorflow/tfjs';
import { selectBackend } from '../../src/backends';
import { createModel, resnet } from '../../src/models';
import { fillOptions } from '../../src/train/options';
import { Sgd } from '../../src/train/sgd';
import { Feed, makeStep } from '../../src/train/step';
import { modelWeights, readWeights } from '../../src/weights';
import { type CutOptions, jit } from '../../src/xla';
import { madeUpData } from './killable';

beforeAll(async () => void (await selectBackend({ prefer: 'xla' })));

/** Reports and weights of three steps. */
async function steps(model: tf.LayersModel, cut: CutOptions) {
  const options = fillOptions({ batchSize: 8, nesterov: true });
  const weights = modelWeights(model).filter(weight => weight.trainable);
  const sgd = new Sgd(weights, options);
  const step = jit(makeStep(model, weights, sgd, undefined, options), { cut, onTrace: () => undefined });
  const feed = new Feed(madeUpData().train);
  const { images, rows } = feed.take(Int32Array.from({ length: 8 }, (_, i) => i));
  const labels = tf.tensor1d([0, 1, 2, 3, 4, 5, 6, 7], 'int32');
  const reports: number[] = [];
  for (let i = 0; i < 3; i++) {
    const seed = tf.tensor1d([1, i], 'int32');
    reports.push(...(await (await step.async(images as never, rows, labels, seed, tf.scalar(0.02))).data()));
  }
  const programs = step.stablehlo(images as never, rows, labels, tf.tensor1d([1, 0], 'int32'), tf.scalar(0));
  const after = await readWeights(model);
  sgd.dispose();
  feed.dispose();
  model.dispose();
  return { reports, after, programs: programs.split('module @').length - 1 };
}

test.each([
  ['v1', () => createModel('resnet20_v1', { seed: 1 })],
  ['bottleneck', () => resnet({ depth: 20, blockType: 'bottleneck', seed: 1 })],
])('ResNet-20 %s', async (_, build) => {
  const whole = await steps(build(), { above: Infinity });
  const parts = await steps(build(), { above: 0, size: 300 });
  expect(whole.programs).toBe(1);
  expect(parts.programs).toBeGreaterThan(4);
  parts.reports.forEach((value, i) => expect(value).toBeCloseTo(whole.reports[i], 3));
  expect([...parts.after.keys()]).toEqual([...whole.after.keys()]);
  for (const [name, { data }] of parts.after) {
    const expected = whole.after.get(name)!.data;
    const most = data.reduce((top, value, i) => Math.max(top, Math.abs(value - expected[i])), 0);
    expect([name, most < 2e-3]).toEqual([name, true]);
  }
});
