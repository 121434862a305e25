import * as tf from '@tensorflow/tfjs';
import { createModel, withDropoutSeed } from '../../src/models';
import { jit, useXla } from '../../src/xla';
import { imagesFor, SMALL_MODELS } from './helpers';

beforeAll(() => useXla());

describe('training', () => {
  test.each([
    ...SMALL_MODELS.filter(([name]) => name !== 'resnet v1 B'),
    ['resnet20_v1', () => createModel('resnet20_v1', { seed: 1 })] as const,
    ['wrn_16_4', () => createModel('wrn_16_4', { seed: 1 })] as const,
  ])('%s: every parameter has a gradient, and a step lowers the loss', async (_, build) => {
    const model = build();
    const images = imagesFor(model, 4);
    const labels = tf.oneHot(tf.tensor1d([0, 1, 2, 3], 'int32'), 10);
    const masks = tf.tensor1d([1, 2], 'int32'); // both losses with the same dropout
    const variables = model.trainableWeights.map(weight => weight.read() as tf.Variable);
    const loss = () =>
      tf.losses.softmaxCrossEntropy(
        labels,
        withDropoutSeed(masks, () => model.apply(images, { training: true }) as tf.Tensor),
      ) as tf.Scalar;
    const step = jit(() => {
      const { value, grads } = tf.variableGrads(loss, variables);
      const largest = variables.map(v => grads[v.name].abs().max());
      variables.forEach(v => v.assign(v.sub(grads[v.name].mul(0.005))));
      return [value, tf.stack(largest)];
    });
    const [[before, largest], [after]] = [await step.async(), await step.async()];
    // A bias before batch norm is subtracted again with the mean: it alone has no gradient to speak of.
    const gradients = Array.from(await largest.data());
    variables.forEach(({ name }, i) => {
      expect([name, Number.isFinite(gradients[i])]).toEqual([name, true]);
      if (!/conv\d\/bias/.test(name)) expect([name, gradients[i] > 0]).toEqual([name, true]);
    });
    expect((await after.data())[0]).toBeLessThan((await before.data())[0]);
    model.dispose();
  });

  test('a step that is written for a GPU calls none of our kernels for CPUs', () => {
    const model = createModel('resnet20_v1', { seed: 1 });
    const images = imagesFor(model, 16);
    const loss = () => (model.apply(images, { training: true }) as tf.Tensor).square().mean() as tf.Scalar;
    const step = jit(() => Object.values(tf.variableGrads(loss).grads), { platform: 'cuda' });
    expect(step.stablehlo()).toContain('stablehlo.convolution');
    expect(step.stablehlo()).not.toContain('custom_call');
    tf.dispose([images]);
    model.dispose();
  });
});
