/** Winograd's filtering against tfjs's own `cpu` back end, on small images whatever the engine itself would choose there. */
import * as tf from '@tensorflow/tfjs';
import { useXla } from '../../src/xla';
import { define } from '../../src/xla/kernels/define';
import { type Axis, forwardPadding, inputGradientPadding } from '../../src/xla/kernels/geometry';
import { type NativeParts, nativeParts } from '../../src/xla/kernels/native';
import {
  filterCosts,
  forwardCosts,
  winograd,
  winogradFilter,
  winogradTile,
} from '../../src/xla/kernels/winograd';

const axis = (input: number, [low, high]: readonly [number, number] = [1, 1]): Axis => ({
  ...{ input, output: input + low + high - 2, kernel: 3, stride: 1, dilation: 1, low },
});

interface Attrs {
  m: number;
  axes: Axis[];
  /** By our own kernels. */
  native: boolean;
}

define<Attrs>('TestWinograd', ({ x, w, dy }, { m, axes, native }) => {
  const low = (padding: (a: Axis) => [number, number]) => axes.map(a => padding(a)[0]);
  const [output, input] = [axes.map(a => a.output), axes.map(a => a.input)];
  return [
    winograd(m, x, w, { low: low(forwardPadding), output, native }),
    winograd(m, dy, w, { low: low(inputGradientPadding), output: input, reversed: true, native }),
    winogradFilter(m, x, dy, axes, native),
  ];
});

let works: boolean;
beforeAll(async () => {
  ({ works } = (await useXla({ kind: 'cpu' })).native);
});

/** Height, width, and the padding of rows and of columns. */
const IMAGES = {
  'whole tiles': [8, 8, [1, 1], [1, 1]],
  'odd sides': [7, 9, [1, 1], [1, 1]],
  'no padding': [9, 6, [0, 0], [0, 0]],
  'padding on one side, more than the kernel reaches': [5, 6, [3, 0], [0, 4]],
  'an image smaller than the kernel': [2, 1, [1, 1], [1, 1]],
} as const;

const largest = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const read = async (tensors: readonly tf.Tensor[]) =>
  (await Promise.all(tensors.map(t => t.data()))) as Float32Array[];

describe.each([
  ['tiles of 2', 2, false, 5, 4],
  ['tiles of 4', 4, false, 5, 4],
  ['tiles of 4, our own kernels', 4, true, 16, 48],
  ['the same, a large kernel', 4, true, 160, 144],
])('%s', (_, m, native, inputs, outputs) => {
  test.each(Object.keys(IMAGES) as (keyof typeof IMAGES)[])('%s', async name => {
    if (native && !works) return; // no C compiler: tests/xla/native.test.ts tells
    const [height, width, rows, columns] = IMAGES[name];
    const axes = [axis(height, rows), axis(width, columns)];
    const results: Record<string, Float32Array[]> = {};
    for (const backend of ['cpu', 'xla']) {
      await tf.setBackend(backend);
      const x = tf.randomUniform([3, height, width, inputs], -1, 1, 'float32', 1) as tf.Tensor4D;
      const w = tf.randomUniform([3, 3, inputs, outputs], -1, 1, 'float32', 2) as tf.Tensor4D;
      const dy = tf.randomUniform(
        [3, axes[0].output, axes[1].output, outputs],
        -1,
        1,
        'float32',
        3,
      ) as tf.Tensor4D;
      const pad: tf.backend_util.ExplicitPadding = [[0, 0], [...rows], [...columns], [0, 0]];
      const convolve = (a: tf.Tensor, b: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, pad);
      const tensors =
        backend === 'cpu'
          ? [convolve(x, w), ...tf.grads(convolve)([x, w], dy)]
          : (tf
              .engine()
              .runKernel('TestWinograd', { x, w, dy }, { m, axes, native } as never) as tf.Tensor[]);
      results[backend] = await read(tensors);
      tf.dispose([x, w, dy, ...tensors]);
    }
    results.cpu.forEach((expected, i) => {
      expect(results.xla[i].length).toBe(expected.length);
      const worst = largest(expected.map((value, k) => value - results.xla[i][k]));
      expect(worst / largest(expected)).toBeLessThan(m === 2 ? 2e-6 : 1e-5);
    });
  });
});

/** The side of the tiles forward, for an image of less than two kernels, and for the filter's gradient. */
const tiles = (
  native: NativeParts | undefined,
  batch: number,
  side: number,
  inputs: number,
  outputs = inputs,
  change: Partial<Axis> = {},
) =>
  [forwardCosts(false, native), forwardCosts(true, native), filterCosts(native)].map(costs =>
    winogradTile(
      batch,
      [axis(side), axis(side)].map(a => ({ ...a, ...change })),
      [inputs, outputs],
      costs,
    ),
  );
const NONE = [undefined, undefined, undefined];

test('used where it takes less work: 3×3, stride 1, many channels, not on a few images of one tile', () => {
  const tile = tiles.bind(undefined, undefined);
  expect(tile(128, 16, 128)).toEqual([4, 4, 4]);
  expect(tile(128, 16, 64)).toEqual([4, 4, 4]);
  expect(tile(128, 16, 48)).toEqual([4, 4, undefined]);
  expect(tile(128, 16, 32)).toEqual([undefined, 4, undefined]);
  expect(tile(32, 2, 512)).toEqual([undefined, 2, undefined]);
  expect(tile(128, 32, 3, 64)).toEqual(NONE);
  expect(tile(1, 2, 512)).toEqual(NONE);
  expect(tile(0, 32, 64)).toEqual(NONE);
  expect(tile(128, 32, 64, 64, { stride: 2 })).toEqual(NONE);
  expect(tile(128, 32, 64, 64, { dilation: 2 })).toEqual(NONE);
  expect(tile(128, 32, 64, 64, { kernel: 1 })).toEqual(NONE);
});

test('by our own kernels from 16 channels on, the filter’s gradient from about 64', () => {
  const tile = (batch: number, side: number, channels: number) =>
    tiles(nativeParts([3, 3, channels, channels]), batch, side, channels);
  expect(tile(128, 32, 16)).toEqual([4, 4, undefined]);
  expect(tile(128, 16, 32)).toEqual([4, 4, undefined]);
  expect(tile(128, 8, 64)).toEqual([4, 4, 4]);
  expect(tile(32, 8, 256)).toEqual([4, 4, 4]);
  expect(tile(32, 2, 512)).toEqual([undefined, 2, undefined]);
  expect(tile(1, 4, 16)).toEqual([undefined, undefined, undefined]);
});
