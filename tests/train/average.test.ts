import * as tf from '@tensorflow/tfjs';
import { Ema, Swa } from '../../src/train/average';
import { type ModelWeight, modelWeights } from '../../src/weights';
import { useXla } from '../../src/xla';
import { jit } from '../../src/xla/jit';

const value = async (weight: ModelWeight): Promise<Float32Array> =>
  (await weight.variable.read().data<'float32'>()).slice();

/** A small model with batch norm, so that there are moving averages. */
const smallModel = (): tf.LayersModel => {
  const model = tf.sequential({
    layers: [tf.layers.dense({ units: 3, inputShape: [2] }), tf.layers.batchNormalization()],
  });
  return model;
};

describe.each(['cpu', 'xla'])('Ema on %s', backend => {
  beforeAll(async () => {
    if (backend === 'xla') await useXla({ kind: 'cpu' });
    else await tf.setBackend(backend);
  });

  test('equals the same sums in JavaScript, over kernels and moving averages', async () => {
    const weights = modelWeights(smallModel());
    const ema = new Ema(weights, 0.9);
    const expected = await Promise.all(weights.map(async w => Float64Array.from(await value(w))));
    // As in training: one compiled function changes the weights and takes them in.
    const step = jit((shift: tf.Scalar) => {
      weights.forEach(({ variable }, i) =>
        variable.write(
          variable
            .read()
            .mul(0.5)
            .add(shift.mul(i + 1)),
        ),
      );
      ema.update();
      return shift.add(0);
    });
    for (let n = 0; n < 120; n++) {
      const shift = tf.scalar(Math.sin(n));
      tf.dispose([await step.async(shift), shift]);
      const decay = Math.min(0.9, (1 + n) / (10 + n));
      for (const [i, weight] of weights.entries()) {
        (await value(weight)).forEach((w, j) => (expected[i][j] = decay * expected[i][j] + (1 - decay) * w));
      }
    }
    expect(await ema.updates.data()).toEqual(Float32Array.of(120));
    for (const [i, average] of ema.averages.entries()) {
      (await average.data()).forEach((a, j) => expect(a).toBeCloseTo(expected[i][j], 5));
    }
    if (backend === 'xla') expect(step.traces).toBe(1);
  });

  test('the model holds the averages only while asked to, even when the work fails', async () => {
    const weights = modelWeights(smallModel());
    const ema = new Ema(weights, 0.99);
    const before = await Promise.all(weights.map(value));
    tf.tidy(() => weights.forEach(({ variable }) => variable.write(variable.read().add(1))));
    const moved = await Promise.all(weights.map(value));
    const inside = await ema.whileAveraged(() => Promise.all(weights.map(value)));
    expect(inside).toEqual(before);
    expect(await Promise.all(weights.map(value))).toEqual(moved);
    await expect(ema.whileAveraged(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await Promise.all(weights.map(value))).toEqual(moved);
    ema.apply();
    expect(await Promise.all(weights.map(value))).toEqual(before);
  });

  test('frees what it took', async () => {
    const weights = modelWeights(smallModel());
    const tensors = tf.memory().numTensors;
    const ema = new Ema(weights, 0.99);
    ema.update();
    await ema.whileAveraged(async () => undefined);
    ema.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

test('Swa: the mean of the weights that it took in, not of those before', async () => {
  await tf.setBackend('cpu');
  const weights = modelWeights(smallModel());
  const swa = new Swa(weights);
  for (const x of [1, 2, 6]) {
    weights.forEach(({ variable }, i) => variable.write(tf.fill(variable.shape as number[], x + i)));
    swa.update();
  }
  await swa.whileAveraged(async () => {
    for (const [i, weight] of weights.entries())
      (await value(weight)).forEach(mean => expect(mean).toBeCloseTo(3 + i, 5));
  });
  for (const [i, weight] of weights.entries()) expect((await value(weight))[0]).toBe(6 + i);
});
