/** Gradients on xla against central differences in double precision, taken on the `cpu` back end. */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { seedTensor, statelessNormal, useXla } from '../../src/xla';

beforeAll(() => useXla());

type Op = (...xs: tf.Tensor[]) => tf.Tensor;

/** Random numbers of a shape, kept away from the kinks of ReLU and of pooling by their size. */
const random = (shape: number[], seed: number): number[] => [
  ...statelessNormal(shape, seedTensor(seed)).dataSync(),
];

/** A smooth scalar of all outputs, so that every one of them matters. */
const scalarOf = (y: tf.Tensor): tf.Scalar => y.mul(y.add(0.5)).mean() as tf.Scalar;

function analytic(op: Op, shapes: number[][], values: number[][]): number[][] {
  const xs = shapes.map((shape, i) => tf.tensor(values[i], shape));
  return tf
    .grads((...args: tf.Tensor[]) => scalarOf(op(...args)))(xs)
    .map(g => [...g.dataSync()]);
}

/** (f(x + h) − f(x − h)) / 2h for some elements of each input. */
async function numeric(
  op: Op,
  shapes: number[][],
  values: number[][],
  elements: number[][],
): Promise<number[][]> {
  await tf.setBackend('cpu');
  const h = 1e-2;
  const f = (which: number, element: number, by: number): number =>
    tf.tidy(() => {
      const xs = shapes.map((shape, i) => {
        const shifted = [...values[i]];
        if (i === which) shifted[element] += by;
        return tf.tensor(shifted, shape);
      });
      return scalarOf(op(...xs)).dataSync()[0];
    });
  const out = elements.map((list, which) => list.map(e => (f(which, e, h) - f(which, e, -h)) / (2 * h)));
  await tf.setBackend('xla');
  return out;
}

const conv =
  (strides: number, pad: 'same' | 'valid' | number): Op =>
  (x, w) =>
    tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, pad);

const cases: [string, Op, ...number[][]][] = [
  ['conv2d, same', conv(1, 'same'), [2, 5, 6, 3], [3, 3, 3, 4]],
  ['conv2d, stride 2', conv(2, 'same'), [2, 6, 5, 2], [3, 3, 2, 3]],
  ['conv2d, stride 2, rows left over', conv(2, 'valid'), [1, 6, 6, 2], [3, 3, 2, 2]],
  ['conv2d, 1×1, stride 2', conv(2, 'same'), [2, 4, 4, 3], [1, 1, 3, 5]],
  ['conv2d, padding 2', conv(1, 2), [1, 4, 4, 2], [3, 3, 2, 2]],
  ['conv2d, even kernel', conv(1, 'same'), [1, 5, 5, 2], [2, 4, 2, 2]],
  ['depthwiseConv2d', (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'), [2, 5, 5, 3], [3, 3, 3, 2]], // prettier-ignore
  ['conv2dTranspose', (x, w) => tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, [1, 6, 6, 2], 2, 'same'), [1, 3, 3, 3], [3, 3, 2, 3]], // prettier-ignore
  ['conv3d', (x, w) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, 1, 'same'), [1, 3, 4, 3, 2], [2, 3, 2, 2, 2]], // prettier-ignore
  ['avgPool', x => tf.avgPool(x as tf.Tensor4D, 2, 2, 'valid'), [2, 6, 6, 2]],
  ['maxPool', x => tf.maxPool(x as tf.Tensor4D, 2, 2, 'same'), [2, 5, 6, 2]],
  ['maxPool, overlapping', x => tf.maxPool(x as tf.Tensor4D, 3, 2, 'valid'), [1, 7, 7, 2]],
  ['matMul', (a, b) => a.matMul(b), [3, 4], [4, 5]],
  ['matMul, transposed, batched', (a, b) => tf.matMul(a, b, true, true), [2, 4, 3], [2, 5, 4]],
  ['batchNorm', (x, m, v, b, s) => tf.batchNorm(x, m, v.square().add(1) as tf.Tensor1D, b, s, 1e-3), [2, 3, 3, 4], [4], [4], [4], [4]], // prettier-ignore
  ['softmax cross-entropy', x => tf.losses.softmaxCrossEntropy(tf.oneHot(tf.tensor1d([0, 2, 1], 'int32'), 4), x), [3, 4]], // prettier-ignore
  ['logSoftmax', x => tf.logSoftmax(x), [3, 5]],
  ['moments', x => tf.moments(x, [0, 1]).variance, [3, 4, 2]],
  ['elu', tf.elu, [20]],
  ['relu6', tf.relu6, [20]],
  ['softplus', tf.softplus, [20]],
  ['tanh of sigmoid', x => tf.tanh(tf.sigmoid(x)), [20]],
  ['prelu', (x, a) => tf.prelu(x, a), [4, 5], [5]],
  ['pow, div, broadcast', (a, b) => tf.div(tf.pow(a.square().add(1), 1.5), b.square().add(1)), [3, 4], [4]],
  ['gather', x => tf.gather(x, tf.tensor1d([1, 1, 0], 'int32')), [3, 2]],
  ['pad, slice, concat', x => tf.concat([tf.pad(x, [[1, 0], [0, 2]]), tf.slice(x, [0, 0], [2, 2]).pad([[0, 2], [1, 2]])], 1), [3, 3]], // prettier-ignore
  ['cumsum', x => tf.cumsum(x, 1, true, true), [2, 5]],
  ['prod', x => tf.prod(x, 1), [3, 3]],
  ['max and min', x => tf.max(x, 1).sub(tf.min(x, 0).mean()), [4, 5]],
  ['localResponseNormalization', x => tf.localResponseNormalization(x as tf.Tensor4D, 2), [1, 2, 2, 6]],
  ['resizeNearestNeighbor', x => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [5, 7]), [1, 3, 4, 2]],
  ['resizeBilinear', x => tf.image.resizeBilinear(x as tf.Tensor4D, [5, 7]), [1, 3, 4, 2]],
];

test.each(cases)('%s', async (name, op, ...shapes) => {
  const values = shapes.map((shape, i) => random(shape, name.length * 10 + i));
  const elements = values.map(v =>
    [...new Set([0, 1, 2, 3, 4].map(k => (k * 7919) % v.length))].sort((a, b) => a - b),
  );
  const exact = analytic(op, shapes, values);
  const difference = await numeric(op, shapes, values, elements);
  elements.forEach((list, which) => {
    list.forEach((e, k) => {
      const scale = Math.max(...exact[which].map(Math.abs), 1e-2);
      expect(Math.abs(exact[which][e] - difference[which][k]) / scale).toBeLessThan(0.02);
    });
  });
});
