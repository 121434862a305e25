/** The loop itself: what it reports, what it refuses, and that several steps a call are the same steps. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { selectBackend } from '../../src/backends';
import { train, type Progress, type TrainOptions } from '../../src/train';
import { Meter } from '../../src/train/step';
import { readArrays, readWeights } from '../../src/weights';
import { madeUpData, smallModel } from './killable';

const data = madeUpData();
const base: TrainOptions = {
  schedule: { type: 'linear', peak: 0.05, steps: 14, warmupSteps: 3 },
  ...{ batchSize: 16, nesterov: true, ema: 0.9, logInterval: 5, validationInterval: 7 },
};

let backend: string;
beforeAll(async () => void (backend = (await selectBackend()).name));

async function run(options: TrainOptions) {
  const progress: Progress[] = [];
  const model = smallModel(1);
  const result = await train(model, data, { ...base, ...options, onProgress: p => progress.push(p) });
  const weights = await readWeights(model);
  model.dispose();
  return { result, progress, weights };
}

test('reports at each interval and at the end; validates in between and at the end', async () => {
  const { result, progress } = await run({});
  expect(progress.map(({ step }) => step)).toEqual([5, 10, 14]);
  expect(result.curve.map(({ step }) => step)).toEqual([7, 14]);
  expect(result.final).toEqual(result.curve[1]);
  expect(progress[2]).toMatchObject({ steps: 14, epoch: 2.24, epochs: 2.24, secondsLeft: 0 });
  for (const { loss, classificationLoss, regularizationLoss } of progress)
    expect(loss).toBeCloseTo(classificationLoss + regularizationLoss, 6);
});

test('the regularization loss is that of the weights as they are', async () => {
  const { progress, weights } = await run({ ema: undefined, weightDecay: 0.5 });
  let squares = 0;
  for (const [name, { data: values }] of weights)
    if (name.endsWith('kernel')) for (const value of values) squares += value * value;
  expect(progress[2].regularizationLoss / (0.25 * squares)).toBeCloseTo(1, 5);
});

test('sums that another version had in its checkpoint are left out', async () => {
  const meter = new Meter();
  meter.restore({ sum: Float32Array.of(1, 2, 3), count: 2 });
  expect(await meter.state()).toEqual({ sum: new Float32Array(2), count: 0 });
  meter.restore({ sum: Float32Array.of(1, 2), count: 2 });
  expect(await meter.read()).toEqual([0.5, 1]);
});

test('several steps a call are the steps one by one', async () => {
  const single = await run({});
  const several = await run({ stepsPerCall: 2 });
  expect(several.progress.map(({ step }) => step)).toEqual([5, 10, 14]);
  several.result.trainCurve.forEach(({ loss, error }, i) => {
    expect(loss).toBeCloseTo(single.result.trainCurve[i].loss, 3);
    expect(error).toBeCloseTo(single.result.trainCurve[i].error, 1);
  });
  for (const [name, { data: values }] of several.weights) {
    const expected = single.weights.get(name)!.data;
    values.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 3));
  }
});

test('a run goes on with another number of steps a call', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-steps-'));
  const checkpoint = { folder };
  try {
    const whole = await run({});
    for (const [stopAfter, stepsPerCall] of [
      [4, 2],
      [9, 1],
    ])
      expect((await run({ stopAfter, stepsPerCall, checkpoint })).result.step).toBe(stopAfter);
    const { result, weights } = await run({ stepsPerCall: 5, checkpoint });
    expect(result.step).toBe(14);
    for (const [name, { data: values }] of weights) {
      const expected = whole.weights.get(name)!.data;
      values.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 3));
    }
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test('swa: the mean of the weights at the ends of the cycles, gone on with from a run that had none', async () => {
  const first = { type: 'linear', peak: 0.05, steps: 6 } as const;
  const both = { type: 'sequence', parts: [first, { ...first, steps: 4 }] } as const;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-swa-'));
  const options = { ema: undefined, logInterval: 4, validationInterval: 0 };
  const checkpoint = { folder, everySteps: 3 };
  try {
    const ends = [await run({ ...options, schedule: first }), await run({ ...options, schedule: both })];
    await run({ ...options, schedule: first, stopAfter: 3, checkpoint });
    const { weights, result } = await run({
      ...options,
      schedule: both,
      swa: true,
      stepsPerCall: 3,
      checkpoint,
    });
    expect(result.step).toBe(10);
    for (const [name, { data: values }] of weights) {
      const [a, b] = ends.map(end => end.weights.get(name)!.data);
      values.forEach((value, i) => expect(value).toBeCloseTo((a[i] + b[i]) / 2, 4));
    }
    await expect(run({ ...options, schedule: both, checkpoint })).rejects.toThrow(
      'whose swa is true, not not set',
    );
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test('a checkpoint of a model with other options, or beyond the end, is not gone on from', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-options-'));
  const checkpoint = { folder, everySteps: 100 };
  const go = async (rate: number, stopAfter: number) => {
    const conv = tf.layers.conv2d({
      inputShape: [32, 32, 3],
      filters: 2,
      kernelSize: 3,
      strides: 4,
      name: 'conv',
    });
    const pool = tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' });
    const dense = tf.layers.dense({ units: 10, name: 'dense' });
    const model = tf.sequential({ name: 'm', layers: [conv, tf.layers.dropout({ rate }), pool, dense] });
    const { step } = await train(model, data, { ...base, ema: undefined, checkpoint, stopAfter });
    model.dispose();
    return step;
  };
  try {
    expect(await go(0.1, 4)).toBe(4);
    expect(await go(0.1, 6)).toBe(6);
    await expect(go(0.2, 8)).rejects.toThrow(/layers have other options/);
    await expect(go(0.1, 5)).rejects.toThrow(/stands at step 6, and this run ends at 5: give more steps/);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test('a learning rate that blows up ends the run with a word of advice', async () => {
  await expect(run({ schedule: { type: 'linear', peak: 1e30, steps: 10 }, logInterval: 2 })).rejects.toThrow(
    /The loss is (NaN|Infinity) after step \d+: lower the learning rate/,
  );
});

test('weights that a loss has spoiled are not kept, however far the next report is', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-diverged-'));
  const diverging = {
    schedule: { type: 'linear', peak: 1e30, steps: 40 } as const,
    ema: undefined,
    logInterval: 100,
  };
  const kept = async (options: TrainOptions) => {
    await expect(run({ ...diverging, ...options })).rejects.toThrow(
      / is (NaN|Infinity|not finite) after step \d: lower the learning rate/,
    );
    return fs.readdirSync(folder).map(name => readArrays(path.join(folder, name)).arrays);
  };
  try {
    const atTheEnd = { folder, everySeconds: 1000 };
    expect(await kept({ checkpoint: atTheEnd, validationInterval: 3 })).toEqual([]); // no best weights
    const [newest, ...before] = await kept({ checkpoint: { folder, everySteps: 1 }, validationInterval: 0 });
    for (const arrays of [newest, ...before])
      for (const { data: values } of arrays.values()) expect(values.every(Number.isFinite)).toBe(true);
    expect(newest).toBeDefined();
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test.each([
  [{ batchSize: 0 }, 'batchSize is 0'],
  [{ swa: true, ema: undefined }, 'swa averages over the parts of a schedule'],
  [{ momentum: 1 }, 'momentum is 1'],
  [{ stepsPerCall: 1.5 }, 'stepsPerCall is 1.5'],
  [{ precision: 'float8' as never }, "precision is 'float8'; give one of float32"],
  [{ checkpoint: { folder: '' } }, 'checkpoint.folder is empty'],
])('%j is refused by name', async (options, message) => {
  await expect(run(options)).rejects.toThrow(message);
});

test('half precision trains where the engine is ours, and is refused elsewhere', async () => {
  if (backend !== 'xla') {
    await expect(run({ precision: 'mixed_bfloat16' })).rejects.toThrow('needs back end xla');
    return;
  }
  const [half, full] = [await run({ precision: 'mixed_bfloat16' }), await run({})];
  const [a, b] = [half.result.trainCurve[0].loss, full.result.trainCurve[0].loss];
  expect(a).not.toBe(b);
  expect(Math.abs(a - b) / b).toBeLessThan(0.05);
});

test('frees what it made', async () => {
  const before = tf.memory().numTensors;
  await run({ stopAfter: 3 });
  expect(tf.memory().numTensors).toBe(before);
});
