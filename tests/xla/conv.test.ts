/** Convolutions and their gradients on `xla` against tfjs's own `cpu` back end: odd shapes, strides, paddings. */
import * as tf from '@tensorflow/tfjs';
import { groupedConv2d } from '../../src/models';
import { jit, setPrecisionPolicy, useXla } from '../../src/xla';

interface Case {
  /** [batch, height, width, channels]. */
  readonly x: [number, number, number, number];
  /** [height, width, in, out]. */
  readonly filter: [number, number, number, number];
  readonly stride: number | [number, number];
  readonly pad: 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
  readonly dilation?: number;
}

const CASES: Record<string, Case> = {
  'ResNet, 16 channels': { x: [4, 32, 32, 16], filter: [3, 3, 16, 16], stride: 1, pad: 'same' },
  'ResNet, stride 2': { x: [3, 32, 32, 16], filter: [3, 3, 16, 32], stride: 2, pad: 'same' },
  'ResNet, first layer': { x: [3, 32, 32, 3], filter: [3, 3, 3, 16], stride: 1, pad: 'same' },
  'projection 1×1, stride 2': { x: [2, 8, 8, 6], filter: [1, 1, 6, 12], stride: 2, pad: 'same' },
  '1×1, stride 1': { x: [2, 7, 5, 6], filter: [1, 1, 6, 4], stride: 1, pad: 'same' },
  'batch of one, odd sides': { x: [1, 7, 9, 5], filter: [3, 3, 5, 7], stride: 1, pad: 'same' },
  'odd sides, stride 2': { x: [2, 9, 7, 4], filter: [3, 3, 4, 3], stride: 2, pad: 'same' },
  'valid, rows left over': { x: [2, 10, 11, 3], filter: [3, 2, 3, 5], stride: 3, pad: 'valid' },
  'even kernel': { x: [2, 8, 8, 3], filter: [4, 2, 3, 4], stride: [2, 1], pad: 'same' },
  'large kernel': { x: [2, 6, 6, 2], filter: [5, 7, 2, 3], stride: 1, pad: 'same' },
  'explicit padding': { x: [2, 6, 5, 3], filter: [3, 3, 3, 2], stride: 2, pad: [[0, 0], [2, 1], [0, 2], [0, 0]] }, // prettier-ignore
  'kernel larger than the image': { x: [3, 2, 2, 8], filter: [3, 3, 8, 6], stride: 1, pad: 'same' },
  'the same, stride 2': { x: [3, 3, 2, 4], filter: [3, 3, 4, 5], stride: 2, pad: 'same' },
  '4×4 to 2×2': { x: [3, 4, 4, 4], filter: [3, 3, 4, 5], stride: 2, pad: 'same' },
  '32 channels, by Winograd': { x: [3, 16, 16, 32], filter: [3, 3, 32, 32], stride: 1, pad: 'same' },
  dilated: { x: [2, 11, 9, 3], filter: [3, 3, 3, 4], stride: 1, pad: 'same', dilation: 2 },
  'dilated, 16 channels': { x: [2, 11, 9, 3], filter: [3, 3, 3, 16], stride: 1, pad: 'same', dilation: 2 },
  '48 channels, width 7': { x: [1, 3, 7, 80], filter: [3, 3, 80, 48], stride: 1, pad: 'same' },
  '1×1, stride 2, 16 channels': { x: [2, 6, 6, 16], filter: [1, 1, 16, 16], stride: 2, pad: 'same' },
  'stride 2, valid, odd sides': { x: [2, 9, 8, 32], filter: [3, 3, 32, 16], stride: 2, pad: 'valid' },
  'stride 3 and 2, an even kernel': {
    x: [2, 13, 11, 16],
    filter: [4, 5, 16, 32],
    stride: [3, 2],
    pad: 'same',
  },
  'rows and columns left out': { x: [2, 9, 8, 16], filter: [3, 3, 16, 16], stride: 1, pad: [[0, 0], [0, 2], [3, 0], [0, 0]] }, // prettier-ignore
  'more weights than a cache holds': { x: [1, 2, 3, 256], filter: [3, 3, 256, 256], stride: 1, pad: 'same' },
  'one large image, in parts': { x: [1, 24, 37, 16], filter: [3, 3, 16, 16], stride: 1, pad: 'same' },
};

type Parts = Record<'y' | 'dx' | 'dw', Float32Array>;

/** Output and both gradients for fixed pseudo-random data, maybe of seven binary digits, which bf16 keeps. */
async function run(backend: string, c: Case, operation: typeof tf.conv2d, short = false): Promise<Parts> {
  await tf.setBackend(backend);
  const results = tf.tidy(() => {
    const random = (shape: number[], seed: number) => {
      const values = tf.randomUniform(shape, -1, 1, 'float32', seed);
      return short ? values.mul(64).round().div(64) : values;
    };
    const x = random(c.x, 1) as tf.Tensor4D;
    const w = random(c.filter, 2) as tf.Tensor4D;
    const convolve = (a: tf.Tensor, b: tf.Tensor) =>
      operation(a as tf.Tensor4D, b as tf.Tensor4D, c.stride, c.pad, 'NHWC', c.dilation ?? 1);
    const y = convolve(x, w);
    const dy = random(y.shape, 3);
    // tfjs has no gradients of dilated convolutions.
    const [dx, dw] = c.dilation ? [x, w] : tf.grads(convolve)([x, w], dy);
    return { y, dx, dw };
  });
  const read = async (t: tf.Tensor) => (await t.data()) as Float32Array;
  const out = { y: await read(results.y), dx: await read(results.dx), dw: await read(results.dw) };
  tf.dispose(results);
  return out;
}

beforeAll(() => useXla({ kind: 'cpu' }));
afterEach(() => useXla({ native: true }));

const largest = (values: Float32Array): number => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** The largest difference of a part, by its largest value. */
function difference(part: keyof Parts, actual: Parts, expected: Parts): number {
  expect(actual[part].length).toBe(expected[part].length);
  return largest(expected[part].map((v, i) => v - actual[part][i])) / largest(expected[part]);
}

/** What the cpu back end gives, computed once: it takes its time. */
const known = new Map<Case, ReturnType<typeof run>>();

async function expectAgreement(c: Case, operation = tf.conv2d): Promise<void> {
  if (!known.has(c)) known.set(c, run('cpu', c, operation));
  const expected = await known.get(c)!;
  const actual = await run('xla', c, operation);
  for (const part of ['y', 'dx', 'dw'] as const)
    expect(difference(part, actual, expected)).toBeLessThan(2e-5);
}

describe.each([
  ['by our own kernels, where they fit', true],
  ['by XLA', false],
])('%s', (_, native) => {
  beforeEach(() => useXla({ native }));
  test.each(Object.keys(CASES))('%s', name => expectAgreement(CASES[name]));
});

describe('in mixed_bfloat16 products of numbers that it keeps are exact, and images are rounded', () => {
  test.each(Object.keys(CASES))('%s', async name => {
    const expected = await run('cpu', CASES[name], tf.conv2d, true);
    setPrecisionPolicy('mixed_bfloat16');
    const actual = await run('xla', CASES[name], tf.conv2d, true).finally(() =>
      setPrecisionPolicy('float32'),
    );
    expect(difference('dw', actual, expected)).toBeLessThan(2e-5);
    for (const part of ['y', 'dx'] as const) expect(difference(part, actual, expected)).toBeLessThan(2 ** -8);
  });
});

describe('a bias and an activation are part of the convolution', () => {
  /** Image, filter, stride, and channels of the bias. */
  const SHAPES: Record<string, readonly [number[], number[], number, number?]> = {
    'stride 2': [[2, 9, 8, 16], [3, 3, 16, 32], 2],
    'by Winograd': [[8, 16, 16, 32], [3, 3, 32, 32], 1],
    'by Winograd, all tiles at once': [[2, 8, 8, 160], [3, 3, 160, 176], 1],
    '10 channels': [[2, 5, 4, 3], [3, 3, 3, 10], 1],
    'one number for all channels': [[2, 5, 4, 3], [3, 3, 3, 16], 1, 1],
  };
  const compute = async (backend: string, name: string): Promise<Float32Array> => {
    await tf.setBackend(backend);
    const [x, filter, strides, channels = filter[3]] = SHAPES[name];
    const random = (shape: number[], seed: number) =>
      tf.randomUniform(shape, -1, 1, 'float32', seed).mul(64).round().div(64);
    const y = tf.tidy(() =>
      tf.fused.conv2d({
        x: random(x, 1) as tf.Tensor4D,
        filter: random(filter, 2) as tf.Tensor4D,
        strides,
        pad: 'same',
        bias: random([channels], 3),
        activation: 'relu',
      }),
    );
    return (await y.data()) as Float32Array;
  };
  test.each(Object.keys(SHAPES))('%s', async name => {
    const expected = await compute('cpu', name);
    const worst = (actual: Float32Array) =>
      largest(expected.map((v, i) => v - actual[i])) / largest(expected);
    for (const native of [true, false]) {
      await useXla({ native });
      expect(worst(await compute('xla', name))).toBeLessThan(2e-5);
      setPrecisionPolicy('mixed_bfloat16');
      const rounded = await compute('xla', name).finally(() => setPrecisionPolicy('float32'));
      expect(worst(rounded)).toBeLessThan(2 ** -8);
    }
  });
});

test('in mixed_bfloat16 a convolution with a bias gives bf16', async () => {
  await tf.setBackend('xla');
  const [x, filter] = [tf.zeros([2, 8, 8, 16]), tf.zeros([3, 3, 16, 16])] as tf.Tensor4D[];
  const bias = tf.zeros([16]);
  const twice = jit((a: tf.Tensor4D) => {
    const y = tf.fused.conv2d({ x: a, filter, strides: 1, pad: 'same', bias });
    return tf.fused.conv2d({ x: y, filter, strides: 1, pad: 'same', bias });
  });
  setPrecisionPolicy('mixed_bfloat16');
  const text = twice.stablehlo(x);
  setPrecisionPolicy('float32');
  expect(/return %\S+ : tensor<(.*)>/.exec(text)![1]).toBe('2x8x8x16xbf16');
  tf.dispose([x, filter, bias]);
});

test.each<[string, Case]>([
  ['3×3', { x: [3, 9, 8, 6], filter: [3, 3, 6, 1], stride: 1, pad: 'same' }],
  ['stride 2', { x: [2, 9, 8, 5], filter: [3, 3, 5, 1], stride: 2, pad: 'same' }],
  [
    'a multiplier, valid, rows left over',
    { x: [2, 10, 8, 3], filter: [3, 2, 3, 4], stride: 3, pad: 'valid' },
  ],
  [
    '5×5, explicit padding',
    {
      x: [2, 7, 9, 4],
      filter: [5, 5, 4, 1],
      stride: 1,
      pad: [
        [0, 0],
        [2, 1],
        [0, 3],
        [0, 0],
      ],
    },
  ],
  ['dilated, a multiplier', { x: [1, 9, 9, 3], filter: [3, 3, 3, 2], stride: 1, pad: 'same', dilation: 2 }],
  ['more taps than are summed', { x: [1, 13, 12, 2], filter: [12, 11, 2, 1], stride: 1, pad: 'same' }],
])('depthwise, %s', async (_, c) => {
  await expectAgreement(c, tf.depthwiseConv2d);
});

test('a depthwise convolution is a sum over taps on CPU, and stays whole on a GPU', async () => {
  await tf.setBackend('xla');
  const [x, w] = [tf.zeros([2, 8, 8, 4]), tf.zeros([3, 3, 4, 1])] as [tf.Tensor4D, tf.Tensor4D];
  const program = (platform: string) =>
    jit((a: tf.Tensor4D, b: tf.Tensor4D) => tf.depthwiseConv2d(a, b, 1, 'same'), { platform }).stablehlo(
      x,
      w,
    );
  expect(program('cpu')).not.toContain('stablehlo.convolution');
  expect(program('cuda')).toContain('stablehlo.convolution');
  tf.dispose([x, w]);
});

test('a convolution by Winograd is matrix products, in mixed_bfloat16 of rounded factors', async () => {
  await tf.setBackend('xla');
  const [x, w] = [tf.zeros([16, 8, 8, 128]), tf.zeros([3, 3, 128, 128])] as [tf.Tensor4D, tf.Tensor4D];
  const program = () => jit((a: tf.Tensor4D, b: tf.Tensor4D) => tf.conv2d(a, b, 1, 'same')).stablehlo(x, w);
  const inFull = program();
  setPrecisionPolicy('mixed_bfloat16');
  const rounded = program();
  setPrecisionPolicy('float32');
  for (const text of [inFull, rounded]) expect(text).not.toContain('stablehlo.convolution');
  expect([inFull, rounded].map(text => text.includes('bf16'))).toEqual([false, true]);
  tf.dispose([x, w]);
});

test.each([true, false])(
  'in mixed_bfloat16 all agree with float32 to what it keeps, native: %s',
  async native => {
    await useXla({ native });
    const c: Case = { x: [4, 8, 8, 64], filter: [3, 3, 64, 96], stride: 1, pad: 'same' };
    const expected = await run('cpu', c, tf.conv2d);
    setPrecisionPolicy('mixed_bfloat16');
    const actual = await run('xla', c, tf.conv2d).finally(() => setPrecisionPolicy('float32'));
    for (const part of ['y', 'dx', 'dw'] as const) {
      const norm = (values: Float32Array) => Math.hypot(...values);
      const error = norm(expected[part].map((v, i) => v - actual[part][i])) / norm(expected[part]);
      expect(error).toBeGreaterThan(0);
      expect(error).toBeLessThan(2 ** -7);
    }
  },
);

test.each([
  [2, 1, 'same', 2],
  [4, 2, 'same', 2],
  [3, 1, 'valid', 2],
  [2, 1, 'same', 16],
] as const)('%d groups, stride %d, %s, %d outputs each', async (groups, stride, pad, outputs) => {
  const results: Record<string, Float32Array[]> = {};
  for (const backend of ['cpu', 'xla']) {
    await tf.setBackend(backend);
    const x = tf.randomUniform([2, 7, 6, 4 * groups], -1, 1, 'float32', 1) as tf.Tensor4D;
    const w = tf.randomUniform([3, 3, 4, outputs * groups], -1, 1, 'float32', 2) as tf.Tensor4D;
    const convolve = (a: tf.Tensor, b: tf.Tensor) =>
      groupedConv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, groups, pad);
    const { value, grads } = tf.valueAndGrads((a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.sin(convolve(a, b))))(
      [x, w],
    );
    const all = [convolve(x, w), value, ...grads];
    results[backend] = (await Promise.all(all.map(t => t.data()))) as Float32Array[];
    tf.dispose([x, w, ...all]);
  }
  results.cpu.forEach((expected, i) => {
    const worst = Math.max(...expected.map((v, k) => Math.abs(v - results.xla[i][k])));
    expect(results.xla[i].length).toBe(expected.length);
    expect(worst).toBeLessThan(1e-3);
  });
});

test('rows left over are no negative padding, which would copy the image', () => {
  const project = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'same');
  const text = jit(project, { platform: 'cuda' }).stablehlo(tf.ones([2, 8, 8, 4]), tf.ones([1, 1, 4, 8]));
  expect(text).toContain('padding = dense<[[0, 0], [0, 0]]>');
});

test('on a GPU a convolution in bf16 adds its bias in bf16', () => {
  setPrecisionPolicy('mixed_bfloat16');
  try {
    const f = (x: tf.Tensor4D, filter: tf.Tensor4D, bias: tf.Tensor1D) =>
      tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same' });
    const inputs = [tf.ones([2, 8, 8, 4]), tf.ones([3, 3, 4, 8]), tf.ones([8])] as const;
    const text = jit(f, { platform: 'cuda' }).stablehlo(...(inputs as unknown as Parameters<typeof f>));
    expect(text).toMatch(/stablehlo\.add %\d+, %\d+ : tensor<2x8x8x8xbf16>/);
  } finally {
    setPrecisionPolicy('float32');
  }
});
