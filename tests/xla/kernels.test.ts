/** Kernels off the networks' path, lazily and under jit, against TensorFlow.js's `cpu` back end. */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { jit, useXla, xlaStats } from '../../src/xla';

type Call = () => tf.Tensor | tf.Tensor[];

beforeAll(() => useXla());

const numbers = (shape: number[], seed: number): number[] =>
  Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => Math.sin(1 + seed + 7.3 * i) * 3);
const image = (shape: [number, number, number, number], seed = 0): tf.Tensor4D =>
  tf.tensor4d(numbers(shape, seed), shape);

/** The result's numbers, types and shapes on a back end. */
function on(backend: string, call: Call): { shape: number[]; dtype: string; values: number[] }[] {
  tf.setBackend(backend);
  const results = tf.tidy(() => [call()].flat().map(y => {
    const values = y.dtype === 'complex64' ? tf.concat([tf.real(y), tf.imag(y)]) : y;
    return { shape: y.shape, dtype: y.dtype, values: Array.from(values.dataSync()) };
  })); // prettier-ignore
  tf.setBackend('xla');
  return results as never;
}

function agree(call: Call): void {
  const expected = on('cpu', call);
  const compiled: Call = () => jit(() => call())() as tf.Tensor[];
  for (const run of [call, compiled]) {
    const found = on('xla', run);
    expect(found.map(({ shape, dtype }) => ({ shape, dtype }))).toEqual(
      expected.map(({ shape, dtype }) => ({ shape, dtype })),
    );
    found.forEach(({ values }, i) =>
      values.forEach((value, j) => {
        const other = expected[i].values[j];
        if (Number.isNaN(other)) expect(value).toBeNaN();
        else expect(value).toBeCloseTo(other, 3);
      }),
    );
  }
}

describe('Fourier transforms', () => {
  const complex = (shape: number[]) =>
    tf.complex(tf.tensor(numbers(shape, 1), shape), tf.tensor(numbers(shape, 2), shape));
  test.each([[[8]], [[3, 12]], [[2, 2, 7]]])('of %j, there and back', shape => {
    agree(() => tf.spectral.fft(complex(shape)));
    agree(() => tf.spectral.ifft(complex(shape)));
  });

  test('real ones, and short-time ones of a signal', () => {
    agree(() => tf.spectral.rfft(tf.tensor2d(numbers([2, 9], 0), [2, 9])));
    agree(() => tf.spectral.irfft(complex([2, 5])));
    agree(() => tf.signal.stft(tf.tensor1d(numbers([40], 0)), 16, 8));
  });
});

describe('gray-scale dilation and its gradients', () => {
  const filter = () => tf.tensor3d(numbers([3, 2, 2], 5), [3, 2, 2]);
  test.each([
    [1, 'same', 1],
    [2, 'valid', 1],
    [2, 'same', 1],
    [1, 'valid', 2],
    [[1, 2], 'same', [2, 1]],
  ] as const)('stride %j, padding %s, dilation %j', (strides, pad, dilations) => {
    const dilation = (x: tf.Tensor4D, f: tf.Tensor3D) =>
      tf.dilation2d(x, f, strides as number, pad, dilations as number);
    agree(() => dilation(image([2, 7, 6, 2]), filter()));
    const weighted = (x: tf.Tensor, f: tf.Tensor) => {
      const y = dilation(x as tf.Tensor4D, f as tf.Tensor3D);
      return y.mul(tf.tensor(numbers(y.shape, 9), y.shape)).sum() as tf.Scalar;
    };
    agree(() => tf.grads(weighted)([image([2, 7, 6, 2]), filter()]));
  });

  test('of equal sums the first has the gradient; whole numbers stay whole', () => {
    const flat = tf.grads((x, f) => tf.dilation2d(x as tf.Tensor4D, f as tf.Tensor3D, 1, 'same').sum() as tf.Scalar);
    agree(() => flat([tf.zeros([1, 4, 4, 1]), tf.zeros([2, 2, 1])]));
    agree(() => tf.dilation2d(image([1, 4, 4, 1]).toInt(), tf.tensor3d([1, -2, 3, 0], [2, 2, 1], 'int32'), 1, 'same'));
  }); // prettier-ignore
});

describe('images at computed coordinates', () => {
  // No coordinate is close to a half or to a border: single precision and double would round differently there.
  const transforms = tf.util.flatten([
    [1, 0, 1.3, 0, 1, -0.7, 0, 0],
    [0.83, 0.371, -2.237, -0.417, 1.113, 2.611, 0.0131, -0.0213],
    [-1.213, 0.117, 9.741, 0.219, -0.927, 8.137, 0, 0],
  ]) as number[];

  test.each(['constant', 'reflect', 'wrap', 'nearest'] as const)('transform, outside: %s', fillMode => {
    for (const method of ['nearest', 'bilinear'] as const) {
      // The `cpu` back end computes the first image of a batch only: one at a time there, together here.
      const rest: [typeof method, typeof fillMode, number, [number, number]] = [
        method,
        fillMode,
        0.5,
        [5, 9],
      ];
      const single = (i: number) =>
        tf.image.transform(
          image([3, 7, 6, 2]).slice(i, 1) as tf.Tensor4D,
          tf.tensor2d(transforms.slice(8 * i, 8 * i + 8), [1, 8]),
          ...rest,
        );
      const expected = on('cpu', () => tf.concat([single(0), single(1), single(2)]));
      const whole = () => tf.image.transform(image([3, 7, 6, 2]), tf.tensor2d(transforms, [3, 8]), ...rest);
      const [found] = on('xla', whole);
      expect(found.shape).toEqual([3, 5, 9, 2]);
      found.values.forEach((value, i) => expect(value).toBeCloseTo(expected[0].values[i], 3));
      expect(on('xla', () => jit(() => whole())())).toEqual([found]);
    }
  });

  test('one transform for all images', () => {
    const shift = () => tf.tensor2d([1, 0, 1, 0, 1, 0, 0, 0], [1, 8]);
    agree(() => tf.image.transform(image([1, 4, 4, 3]), shift(), 'bilinear', 'constant', 7));
    const [both] = on('xla', () => tf.image.transform(image([2, 4, 4, 1]), shift()));
    const [one] = on('xla', () =>
      tf.image.transform(image([2, 4, 4, 1]).slice(1, 1) as tf.Tensor4D, shift()),
    );
    expect(both.values.slice(16)).toEqual(one.values);
  });

  test('rotation; another angle is not another program', () => {
    agree(() => tf.image.rotateWithOffset(image([2, 6, 5, 3]), 0.7));
    agree(() => tf.image.rotateWithOffset(image([1, 6, 5, 4]), -2.1, [9, 8, 7], [0.25, 0.75]));
    agree(() => tf.image.rotateWithOffset(image([1, 5, 5, 1]), Math.PI / 2, 3));
    const big = image([1, 20, 20, 3]);
    const rotate = (angle: number) => tf.tidy(() => void tf.image.rotateWithOffset(big, angle).dataSync());
    rotate(0.1);
    const before = xlaStats().compiled;
    for (let angle = 0.2; angle < 1; angle += 0.1) rotate(angle);
    expect(xlaStats().compiled).toBe(before);
  });
});

test.each([
  [2, 2, 'valid'],
  [3, 2, 'same'],
  [[2, 3], 1, 'same'],
] as const)('max-pooling with positions: window %j, stride %j, padding %s', (size, strides, pad) => {
  for (const inBatch of [false, true]) {
    agree(() => {
      const { result, indexes } = tf.maxPoolWithArgmax(image([2, 6, 7, 3]), size as number, strides, pad, inBatch);
      return [result, indexes];
    });
  } // prettier-ignore
});

test('max-pooling with positions passes over NaN', () => {
  const x = () => tf.tensor4d([1, NaN, 3, NaN, 5, 2, 7, 0, NaN], [1, 3, 3, 1]);
  agree(() => tf.maxPoolWithArgmax(x(), 2, 1, 'valid').indexes);
  agree(() => tf.maxPoolWithArgmax(x(), 2, 1, 'valid').result);
});

test('histograms, of all numbers or row by row, with weights or without', () => {
  const x = () => tf.tensor1d([1, 3, 3, 0, 7, 1], 'int32');
  const rows = () => tf.tensor2d([1, 3, 3, 0, 7, 1], [2, 3], 'int32');
  const weights = () => tf.tensor1d([0.5, 1, 2, -1, 9, 0.25]);
  const none = () => tf.tensor1d([] as number[]);
  agree(() => tf.bincount(x(), weights(), 4));
  agree(() => tf.bincount(x(), tf.tensor1d([1, 2, 3, 4, 5, 6], 'int32'), 9));
  agree(() => tf.bincount(x(), none() as tf.Tensor1D, 4));
  for (const binary of [false, true]) {
    agree(() => tf.denseBincount(rows(), weights().reshape([2, 3]) as tf.Tensor2D, 4, binary));
    agree(() => tf.denseBincount(rows(), none() as tf.Tensor as tf.Tensor2D, 4, binary));
    agree(() => tf.denseBincount(x(), weights(), 4));
  }
  const [negative] = on('xla', () => tf.bincount(tf.tensor1d([-1, 2, -9], 'int32'), none() as tf.Tensor1D, 4));
  expect(negative.values).toEqual([0, 0, 1, 0]);
}); // prettier-ignore

test('places in a sorted sequence', () => {
  const sorted = () => tf.tensor2d([0, 3, 3, 9, 10, 1, 2, 3, 4, 5], [2, 5]);
  const values = () => tf.tensor2d([9, 3, 4.5, 11, -1, 0, 6, 4, 3.5, 1], [2, 5]);
  for (const side of ['left', 'right'] as const) agree(() => tf.searchSorted(sorted(), values(), side));
});

test('argMax and argMin point into their axis, whatever is in it', () => {
  const x = () =>
    tf.tensor2d([
      [NaN, NaN],
      [NaN, 1],
      [-Infinity, -Infinity],
      [Infinity, Infinity],
      [1, 1],
    ]);
  expect(x().argMax(1).dataSync()).toEqual(Int32Array.from([0, 1, 0, 0, 0]));
  expect(x().argMin(1).dataSync()).toEqual(Int32Array.from([0, 1, 0, 0, 0]));
});

describe('what other back ends take, too', () => {
  test('where with an integer and a float gives floats', () => {
    agree(() => tf.where(tf.tensor1d([1, 0], 'bool'), tf.zeros([2], 'int32'), tf.tensor1d([0.5, 0.7])));
  });
  test('maximum and minimum are NaN where either is', () => {
    const [a, b] = [() => tf.tensor1d([NaN, 1, NaN, 2]), () => tf.tensor1d([1, NaN, NaN, 3])];
    agree(() => [tf.maximum(a(), b()), tf.minimum(a(), b()), tf.maximum(0, b())]);
  });
  test('integers where fractions are computed or given', () => {
    const x = () => tf.tensor1d([-9, -1, 0, 1, 9], 'int32');
    agree(() => [
      tf.clipByValue(x(), -2.5, 2.5),
      tf.clipByValue(x(), -Infinity, 4),
      tf.fill([2], 2.7, 'int32'),
    ]);
    agree(() => tf.oneHot(tf.tensor1d([0, 2], 'int32'), 3, 1.5, -0.5));
    agree(() => tf.mod(x(), tf.zerosLike(x())));
    agree(() =>
      tf.conv2dTranspose(
        tf.ones<tf.Rank.R4>([1, 2, 2, 1], 'int32'),
        tf.ones([2, 2, 1, 1]),
        [1, 4, 4, 1],
        2,
        'same',
      ),
    );
    agree(() =>
      tf.conv3d(tf.ones<tf.Rank.R5>([1, 2, 2, 2, 1], 'int32'), tf.ones([2, 2, 2, 1, 1]), 1, 'same'),
    );
  });
  test('products of booleans count', () => {
    const x = () => tf.tensor2d([1, 1, 0, 1, 1, 1], [2, 3], 'bool');
    agree(() => tf.matMul(x(), x(), false, true).toInt());
  });
  test('no rows of nothing', () => {
    agree(() => tf.gather(tf.zeros([0, 4]), tf.tensor1d([], 'int32')));
  });
  test('asinh of what has no square', () => {
    agree(() => tf.asinh(tf.tensor1d([3e38, -3e38, Infinity, -Infinity, 1e9, 1e-9, 0])));
  });
});
