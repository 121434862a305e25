import * as tf from '@tensorflow/tfjs';
import { UserError } from '../../src/errors';
import {
  Dropout,
  GroupedConv2D,
  ZeroPaddedShortcut,
  groupedConv2d,
  subsample,
  withDropoutSeed,
} from '../../src/models';

beforeAll(() => tf.setBackend('cpu'));

describe('ZeroPaddedShortcut', () => {
  test('fewer filters than channels are refused', () => {
    const layer = new ZeroPaddedShortcut({ name: 's', filters: 1, stride: 2 });
    expect(() => layer.computeOutputShape([1, 4, 4, 2])).toThrow(UserError);
  });

  test('keeps every second pixel, zeros at the end', () => {
    const x = tf.randomNormal<tf.Rank.R4>([2, 6, 4, 3]);
    const y = new ZeroPaddedShortcut({ filters: 5, stride: 2 }).apply(x) as tf.Tensor4D;
    const [input, output] = [x.arraySync(), y.arraySync()];
    expect(y.shape).toEqual([2, 3, 2, 5]);
    output.forEach((image, n) =>
      image.forEach((row, i) =>
        row.forEach((pixel, j) => expect(pixel).toEqual([...input[n][2 * i][2 * j], 0, 0])),
      ),
    );
  });

  test('odd sizes round up', () => {
    const x = tf.range(0, 25).reshape([1, 5, 5, 1]) as tf.Tensor4D;
    expect(Array.from(subsample(x, 2).dataSync())).toEqual([0, 2, 4, 10, 12, 14, 20, 22, 24]);
  });

  test('its gradient goes to the kept pixels only', () => {
    const x = tf.zeros<tf.Rank.R4>([1, 4, 4, 1]);
    const gradient = tf.grad(z => subsample(z as tf.Tensor4D, 2).sum())(x);
    expect(Array.from(gradient.dataSync())).toEqual([1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0]);
  });
});

describe('GroupedConv2D', () => {
  /** The same convolution as one dense kernel with zeros between the groups. */
  function blockDiagonal(filter: tf.Tensor4D, groups: number): tf.Tensor4D {
    const [h, w, ins, outs] = filter.shape;
    const each = outs / groups;
    const rows = tf.split(filter, groups, 3).map(
      (part, g) =>
      part.pad([[0, 0], [0, 0], [0, 0], [g * each, outs - (g + 1) * each]]), // prettier-ignore
    );
    return tf.concat(rows, 2).reshape([h, w, ins * groups, outs]) as tf.Tensor4D;
  }

  test.each([1, 2])(
    'stride %d: equals the dense convolution with a block-diagonal kernel, gradients too',
    stride => {
      const x = tf.randomNormal<tf.Rank.R4>([2, 6, 6, 8]);
      const filter = tf.randomNormal<tf.Rank.R4>([3, 3, 2, 12]);
      const weights = tf.randomNormal(groupedConv2d(x, filter, stride, 4).shape);
      const ours = tf.grads((a, b) =>
        groupedConv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, 4)
          .mul(weights)
          .sum(),
      );
      const dense = tf.grads((a, b) =>
        tf
          .conv2d(a as tf.Tensor4D, blockDiagonal(b as tf.Tensor4D, 4), stride, 'same')
          .mul(weights)
          .sum(),
      );
      const y = groupedConv2d(x, filter, stride, 4);
      expect(difference(y, tf.conv2d(x, blockDiagonal(filter, 4), stride, 'same'))).toBeLessThan(1e-5);
      const [ourDx, ourDw] = ours([x, filter]);
      const [dx, dw] = dense([x, filter]);
      expect(difference(ourDx, dx)).toBeLessThan(1e-4);
      expect(difference(ourDw, dw)).toBeLessThan(1e-4);
    },
  );

  test('a back end with kernels of its own gets one call each way', () => {
    const calls: string[] = [];
    const grouped = ['GroupedConv2D', 'GroupedConv2DBackpropInput', 'GroupedConv2DBackpropFilter'];
    for (const kernelName of grouped) {
      tf.registerKernel({
        kernelName,
        backendName: 'cpu',
        kernelFunc: ({ inputs, attrs }) => {
          calls.push(`${kernelName} ${Object.keys(inputs)} ${JSON.stringify(attrs)}`);
          const shapes = attrs as unknown as Record<string, number[]>;
          return tf.zeros(shapes['inputShape'] ?? shapes['filterShape'] ?? [1, 2, 2, 4]);
        },
      });
    }
    try {
      const gradients = tf.grads((a, b) => groupedConv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 2).sum());
      gradients([tf.ones([1, 2, 2, 4]), tf.ones([3, 3, 2, 4])]);
    } finally {
      for (const kernelName of grouped) tf.unregisterKernel(kernelName, 'cpu');
    }
    const shared = '{"strides":[1,1],"pad":"same","groups":2';
    expect(calls).toEqual([
      `GroupedConv2D x,filter ${shared}}`,
      `GroupedConv2DBackpropInput dy,filter ${shared},"inputShape":[1,2,2,4]}`,
      `GroupedConv2DBackpropFilter x,dy ${shared},"filterShape":[3,3,2,4]}`,
    ]);
  });

  test('groups that do not divide are refused', () => {
    expect(() => new GroupedConv2D({ name: 'c', filters: 6, kernelSize: 3, groups: 4 })).toThrow(
      /c: 4 groups don't divide 6 filters/,
    );
  });
});

describe('Dropout', () => {
  const x = tf.ones([64, 64]);
  const run = (layer: Dropout, training: boolean) => layer.apply(x, { training }) as tf.Tensor;

  test('is the identity outside training', () => {
    expect(difference(run(new Dropout({ rate: 0.3 }), false), x)).toBe(0);
  });

  test('drops its share and keeps the mean', () => {
    const y = run(new Dropout({ rate: 0.3 }), true).dataSync();
    const zeros = y.filter(value => value === 0).length / y.length;
    expect(Math.abs(zeros - 0.3)).toBeLessThan(0.03);
    expect(y.every(value => value === 0 || Math.abs(value - 1 / 0.7) < 1e-6)).toBe(true);
  });

  test('the seed fixes the masks; layers and seeds differ', () => {
    const masks = (seed: number) =>
      withDropoutSeed(tf.tensor1d([7, seed], 'int32'), () => [
        run(new Dropout({ rate: 0.5 }), true),
        run(new Dropout({ rate: 0.5 }), true),
      ]);
    const [first, second] = masks(1);
    expect(difference(first, masks(1)[0])).toBe(0);
    expect(difference(second, masks(1)[1])).toBe(0);
    expect(difference(first, second)).toBeGreaterThan(0);
    expect(difference(first, masks(2)[0])).toBeGreaterThan(0);
  });

  test('a rate that is no share is refused', () => {
    expect(() => new Dropout({ rate: 1 })).toThrow(/dropout is 1; give a share/);
  });
});

function difference(a: tf.Tensor, b: tf.Tensor): number {
  return a.sub(b).abs().max().dataSync()[0];
}
