import * as tf from '@tensorflow/tfjs';
import {
  jit,
  seedTensor,
  setPrecisionPolicy,
  statelessNormal,
  statelessUniform,
  uint8Tensor,
  useXla,
} from '../../src/xla';

beforeAll(() => useXla());
afterEach(() => setPrecisionPolicy('float32'));

/** Losses of a small convolutional network over 25 steps. */
function losses(): number[] {
  const normal = (shape: number[], seed: number, std: number) =>
    tf.variable(statelessNormal(shape, seedTensor(seed), 0, std));
  const w1 = normal([3, 3, 3, 8], 1, 0.27) as tf.Variable<tf.Rank.R4>;
  const w2 = normal([3, 3, 8, 8], 2, 0.17) as tf.Variable<tf.Rank.R4>;
  const dense = normal([8, 5], 3, 0.5) as tf.Variable<tf.Rank.R2>;
  const x = statelessUniform([32, 8, 8, 3], seedTensor(4)) as tf.Tensor4D;
  const y = tf.oneHot(tf.range(0, 32, 1, 'int32').mod(tf.scalar(5, 'int32')), 5);
  const sgd = tf.train.momentum(0.1, 0.9);
  const step = jit(() =>
    sgd.minimize(() => {
      const a = tf.conv2d(x, w1, 1, 'same').relu();
      const b = tf
        .conv2d(a as tf.Tensor4D, w2, 2, 'same')
        .relu()
        .mean([1, 2]);
      return tf.losses.softmaxCrossEntropy(y, b.matMul(dense)) as tf.Scalar;
    }, true)!,
  );
  const out = Array.from({ length: 25 }, () => step().dataSync()[0]);
  expect(w1.dtype).toBe('float32');
  return out;
}

test('mixed_bfloat16 adds up many numbers in float32', async () => {
  setPrecisionPolicy('mixed_bfloat16');
  const ones = tf.ones([1000, 1]).matMul(tf.ones([1, 1])); // stored as bf16
  const to0 = tf.zeros([1000], 'int32') as tf.Tensor1D;
  const sums = [
    tf.unsortedSegmentSum(ones, to0, 1),
    tf.scatterND(to0.expandDims(1), ones.flatten(), [1]),
    tf.bincount(to0, ones.flatten() as tf.Tensor1D, 1),
    tf.addN(Array<tf.Tensor>(1000).fill(ones.slice([0, 0], [1, 1]))),
    tf.avgPool(ones.reshape([1, 40, 25, 1]) as tf.Tensor4D, [40, 25], 1, 'valid').mul(1000),
    tf
      .grad(w => tf.matMul(tf.gather(w, to0), tf.ones([2, 1])).sum())(tf.ones([3, 2]))
      .slice(0, 1),
  ];
  for (const sum of sums) expect((await sum.data())[0]).toBe(1000);
});

test('mixed_bfloat16 trains along float32’s curve, with bf16 products and f32 weights', () => {
  const exact = losses();
  setPrecisionPolicy('mixed_bfloat16');
  const mixed = losses();
  expect(exact.at(-1)).toBeLessThan(exact[0]);
  mixed.forEach((loss, i) => expect(Math.abs(loss - exact[i]) / exact[i]).toBeLessThan(0.03));
  expect(mixed).not.toEqual(exact);
});

test('a policy traces anew, and is seen in the program', () => {
  const product = jit((a: tf.Tensor2D) => a.matMul(a), { onTrace: () => undefined });
  const a = tf.ones([4, 4]) as tf.Tensor2D;
  expect(product.stablehlo(a)).toContain('precision HIGHEST');
  setPrecisionPolicy('tensorfloat32');
  expect(product.stablehlo(a)).toContain('precision DEFAULT');
  setPrecisionPolicy('mixed_bfloat16');
  expect(product.stablehlo(a)).toContain('bf16');
  expect(product.traces).toBe(3);
});

test('numbers of both precisions can be stacked and concatenated, as float32, and with integers', () => {
  setPrecisionPolicy('mixed_bfloat16');
  const products = tf.tensor2d([[1.5]]).matMul(tf.tensor2d([[1]]));
  expect(tf.stack([products, tf.ones([1, 1])]).dataSync()).toEqual(Float32Array.from([1.5, 1]));
  expect(tf.concat([products, tf.ones([1, 1])]).dataSync()).toEqual(Float32Array.from([1.5, 1]));
  expect(() => uint8Tensor(new Uint8Array(5), [2, 4])).toThrow('5 bytes are no tensor of shape [2,4]');
  const bytes = uint8Tensor(Uint8Array.from([200]), [1]);
  expect(tf.stack([bytes, tf.tensor1d([300], 'int32')]).dataSync()).toEqual(Int32Array.from([200, 300]));
  expect(() => tf.stack([products, tf.ones([1, 1], 'int32')])).toThrow(/matching dtypes/);
});
