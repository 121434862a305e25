/** Batch norm's own kernel on xla against tfjs's layer on its cpu back end. */
import * as tf from '@tensorflow/tfjs';
import { BatchNorm } from '../../src/models/batchNorm';
import { useXla } from '../../src/xla';

const ARGS = { name: 'bn', epsilon: 1e-3, momentum: 0.8 };

interface Outcome {
  y: Float32Array;
  gradients: Float32Array[];
  weights: Float32Array[];
}

/** Output, gradients of x, γ and β for a fixed dL/dy, and the weights after one training call. */
async function train(layer: tf.layers.Layer, shift: number): Promise<Outcome> {
  const x = tf.randomNormal([4, 5, 6, 3], shift, 2, 'float32', 1) as tf.Tensor4D;
  const dy = tf.randomNormal([4, 5, 6, 3], 0, 1, 'float32', 2);
  layer.apply(tf.input({ shape: [5, 6, 3] }));
  layer.setWeights([tf.tensor1d([0.5, 1, -2]), tf.tensor1d([0, 1, 2]), tf.zeros([3]), tf.ones([3])]);
  const [gamma, beta] = layer.trainableWeights.map(w => (w as unknown as { val: tf.Variable }).val);
  let y: tf.Tensor | undefined;
  const loss = () => {
    y = tf.keep(layer.call(x, { training: true }) as tf.Tensor);
    return y.mul(dy).sum() as tf.Scalar;
  };
  const byX = tf.grad(() => loss())(x);
  layer.setWeights([tf.tensor1d([0.5, 1, -2]), tf.tensor1d([0, 1, 2]), tf.zeros([3]), tf.ones([3])]);
  const { grads } = tf.variableGrads(loss, [gamma, beta]);
  const read = async (t: tf.Tensor) => (await t.data<'float32'>()).slice();
  return {
    y: await read(y!),
    gradients: await Promise.all([byX, grads[gamma.name], grads[beta.name]].map(read)),
    weights: await Promise.all(layer.getWeights().map(read)),
  };
}

const close = (a: Float32Array, b: Float32Array, tolerance: number) => {
  expect(a.length).toBe(b.length);
  a.forEach((value, i) =>
    expect(Math.abs(value - b[i])).toBeLessThan(tolerance * Math.max(1, Math.abs(b[i]))),
  );
};

test.each([
  ['centred inputs', 0, 1e-4],
  ['inputs far from zero', 20, 2e-3],
])('%s: output, gradients and moving averages are those of tfjs', async (_, shift, tolerance) => {
  await tf.setBackend('cpu');
  const expected = await train(tf.layers.batchNormalization(ARGS), shift);
  await useXla({ kind: 'cpu' });
  const actual = await train(new BatchNorm(ARGS), shift);
  close(actual.y, expected.y, tolerance);
  expected.gradients.forEach((gradient, i) => close(actual.gradients[i], gradient, 10 * tolerance));
  expected.weights.forEach((weight, i) => close(actual.weights[i], weight, tolerance));
});

test('a saved model names the layer as tfjs does, and tfjs loads it', async () => {
  const model = tf.sequential({
    layers: [tf.layers.inputLayer({ inputShape: [4, 4, 3] }), new BatchNorm(ARGS)],
  });
  const copy = (await tf.models.modelFromJSON(
    model.toJSON(undefined, false) as unknown as tf.io.ModelJSON['modelTopology'] as never,
  )) as tf.LayersModel;
  const layer = copy.layers.at(-1)!;
  expect(layer.getClassName()).toBe('BatchNormalization');
  expect(layer).not.toBeInstanceOf(BatchNorm);
  expect(layer.getConfig()).toMatchObject(ARGS);
});

test('nothing is left behind', async () => {
  await useXla({ kind: 'cpu' });
  const layer = new BatchNorm(ARGS);
  const x = tf.ones([2, 2, 2, 3]);
  layer.apply(x, { training: true });
  const before = tf.memory().numTensors;
  tf.tidy(() => void layer.apply(x, { training: true }));
  expect(tf.memory().numTensors).toBe(before);
});
