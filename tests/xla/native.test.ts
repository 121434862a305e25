/** Our own kernels for CPUs: batch norm's sums, what convolutions compute along with them, and that all goes on where there is no compiler. */
import { spawnSync } from 'child_process';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import * as tf from '@tensorflow/tfjs';
import { BatchNorm, batchNormTraining } from '../../src/models/batchNorm';
import { ResidualAdd } from '../../src/models/residualAdd';
import { type Native } from '../../src/xla/native';
import { jit, scan, setPrecisionPolicy, useXla } from '../../src/xla';

let native: Native;
beforeAll(async () => {
  ({ native } = await useXla({ kind: 'cpu' }));
});

/** On a machine without a compiler only that is told. */
const whereTheyWork = (name: string, check: () => Promise<void>): void =>
  test(name, async () => {
    if (native.works) return check();
    expect(native.reason).toContain('no C compiler was found');
  });

const calls = (text: string, target: string): string[] =>
  text.split('\n').filter(line => line.includes(`call_target_name = "${target}"`));

/** Operands of a call in a program's text. */
const operandsOf = (line: string): number => /custom_call"\(([^)]*)\)/.exec(line)![1].split(', ').length;

whereTheyWork(
  'batch norm in training takes its sums from the kernel, as exact as a sum in double precision',
  async () => {
    const shape: [number, number, number, number] = [7, 21, 30, 16];
    const x = tf.randomUniform(shape, 0, 3, 'float32', 1) as tf.Tensor4D;
    const [scale, offset] = [tf.ones([16]), tf.zeros([16])] as [tf.Tensor1D, tf.Tensor1D];
    const statistics = (a: tf.Tensor4D) => {
      const { mean, variance } = batchNormTraining(a, scale, offset, 1e-5);
      const copies = [mean.clone(), variance.clone()];
      tf.dispose([mean, variance]); // which are kept
      return copies;
    };
    const program = jit(statistics);
    expect(calls(program.stablehlo(x), 'channel_sums')).toHaveLength(1);
    const [mean, variance] = (await Promise.all(program(x).map(t => t.data()))) as Float32Array[];
    const values = (await x.data()) as Float32Array;
    for (let channel = 0; channel < 16; channel++) {
      const own = values.filter((_, i) => i % 16 === channel);
      const expected = own.reduce((sum, v) => sum + v, 0) / own.length;
      const spread = own.reduce((sum, v) => sum + (v - expected) ** 2, 0) / own.length;
      expect(Math.abs(mean[channel] / expected - 1)).toBeLessThan(2e-7);
      expect(Math.abs(variance[channel] / spread - 1)).toBeLessThan(5e-6);
    }
  },
);

/** conv–BN–ReLU, then two residual blocks of conv–BN–ReLU–conv–BN plus the input, then ReLU; the mean of squares is the loss. */
function residualNetwork(): tf.LayersModel {
  const input = tf.input({ shape: [8, 8, 3] });
  let seed = 1;
  const conv = (x: tf.SymbolicTensor) =>
    tf.layers
      .conv2d({
        filters: 16,
        kernelSize: 3,
        padding: 'same',
        useBias: false,
        kernelInitializer: tf.initializers.heNormal({ seed: seed++ }),
      }) // prettier-ignore
      .apply(x) as tf.SymbolicTensor;
  const norm = (x: tf.SymbolicTensor) => new BatchNorm({}).apply(x) as tf.SymbolicTensor;
  const relu = (x: tf.SymbolicTensor) => tf.layers.reLU().apply(x) as tf.SymbolicTensor;
  let x = relu(norm(conv(input)));
  for (let block = 0; block < 2; block++) {
    const y = norm(conv(relu(norm(conv(x)))));
    x = relu(new ResidualAdd({}).apply([x, y]) as tf.SymbolicTensor);
  }
  return tf.model({ inputs: input, outputs: x });
}

/** Gradients of all weights, in order, and the program that computes them. */
async function gradients(backend: string, batch = 16): Promise<{ values: Float32Array[]; text: string }> {
  await tf.setBackend(backend);
  const model = residualNetwork();
  const x = tf.randomUniform([batch, 8, 8, 3], -1, 1, 'float32', 5);
  const target = tf.randomUniform([batch, 8, 8, 16], -1, 1, 'float32', 6);
  const compute = (a: tf.Tensor): tf.Tensor[] => {
    const loss = () =>
      (model.apply(a, { training: true }) as tf.Tensor).sub(target).square().mean() as tf.Scalar;
    const { grads } = tf.variableGrads(loss);
    return model.trainableWeights.map(weight => grads[weight.originalName] ?? grads[weight.name]);
  };
  const program = jit(compute);
  const text = backend === 'xla' ? program.stablehlo(x) : '';
  const tensors = backend === 'xla' ? program(x) : compute(x);
  const values = (await Promise.all(tensors.map(t => t.data()))) as Float32Array[];
  model.dispose();
  tf.dispose([x, target, tensors]);
  return { values, text };
}

function expectSame(
  actual: readonly Float32Array[],
  expected: readonly Float32Array[],
  tolerance = 1e-4,
): void {
  expect(actual).toHaveLength(expected.length);
  expected.forEach((values, i) => {
    const scale = Math.max(...values.map(Math.abs));
    const worst = Math.max(...values.map((v, k) => Math.abs(v - actual[i][k])));
    expect(worst).toBeLessThan(tolerance * scale + 1e-7);
  });
}

whereTheyWork(
  'convolutions give the sums with their result, and gradients agree with the cpu back end',
  async () => {
    const [expected, actual] = [await gradients('cpu'), await gradients('xla')];
    expect(calls(actual.text, 'channel_sums')).toHaveLength(1); // after the loss no convolution comes before
    const counts = (target: string) => calls(actual.text, target).map(operandsOf).sort();
    expect(counts('convolution_forward')).toEqual([2, 2, 2, 2, 2]);
    expect(counts('convolution_input_gradient')).toEqual([4, 4, 5, 5]); // w, dy, relu, x, and the shortcut's gradient
    expect(counts('convolution_filter_gradient')).toEqual([2, 2, 2, 2, 2]);
    expectSame(actual.values, expected.values);
  },
);

whereTheyWork('those by Winograd do, too, and agree with what XLA computes', async () => {
  const actual = await gradients('xla', 64);
  await useXla({ native: false });
  const expected = await gradients('xla', 64).finally(() => useXla({ native: true }));
  expect(expected.text).not.toContain('custom_call');
  expect(calls(actual.text, 'channel_sums')).toHaveLength(1);
  expect(calls(actual.text, 'winograd').map(operandsOf).sort()).toEqual([2, 2, 2, 2, 4, 4, 5, 5]);
  expectSame(actual.values, expected.values);
});

whereTheyWork(
  'in mixed_bfloat16 they do, too, where the processor multiplies bf16, and gradients agree with float32',
  async () => {
    const expected = await gradients('xla', 64);
    setPrecisionPolicy('mixed_bfloat16');
    const actual = await gradients('xla', 64).finally(() => setPrecisionPolicy('float32'));
    expectSame(actual.values, expected.values, 0.1);
    expect(actual.text).toContain('bf16');
    if (!native.bfloat16) return;
    const counts = (target: string) => calls(actual.text, target).map(operandsOf).sort();
    expect(counts('convolution_forward')).toEqual([2, 2, 2, 2, 2]);
    expect(counts('convolution_input_gradient')).toEqual([4, 4, 5, 5]);
    expect(counts('convolution_filter_gradient')).toEqual([2, 2, 2, 2, 2]);
    expect(counts('winograd')).toEqual([]);
    // Forward of x and coefficients, two with the shortcut; backward of dy, coefficients and x. The last relu's gradient compares the sum
    // before it, for which one is computed anew.
    expect(counts('channel_affine')).toEqual([2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3]);
    expect(actual.text.match(/relu = array<i64: 1>/g)).toHaveLength(5);
  },
);

whereTheyWork('batch norm of bf16, its gradient, a sum and a relu after it are one pass', async () => {
  if (!native.bfloat16) return;
  const scale = tf.tensor1d(Array.from({ length: 16 }, (_, i) => i / 8 - 1));
  const offset = tf.tensor1d(Array.from({ length: 16 }, (_, i) => 1 - i / 8));
  const normalize = (x: tf.Tensor, shortcut: tf.Tensor): tf.Tensor => {
    const { y, mean, variance } = batchNormTraining(x as tf.Tensor4D, scale, offset, 1e-5);
    tf.dispose([mean, variance]);
    return y.add(shortcut).relu();
  };
  // The 1×1 convolutions make bf16 of their inputs, and do no more.
  const same = tf.eye(16).reshape([1, 1, 16, 16]) as tf.Tensor4D;
  const narrow = (x: tf.Tensor): tf.Tensor => tf.conv2d(x as tf.Tensor4D, same, 1, 'same');
  const loss = (x: tf.Tensor, shortcut: tf.Tensor) =>
    normalize(narrow(x), narrow(shortcut)).mul(shortcut).sum() as tf.Scalar;
  const compute = jit(
    (x: tf.Tensor, shortcut: tf.Tensor) => {
      const y = normalize(narrow(x), narrow(shortcut));
      const known = tf.batchNorm(narrow(x), offset, scale.square() as tf.Tensor1D, offset, scale, 1);
      return [y, known, ...tf.grads(loss)([x, shortcut])];
    },
    { onTrace: () => undefined },
  );
  const [x, shortcut] = [1, 2].map(seed =>
    tf.randomUniform([8, 12, 12, 16], -1, 1, 'float32', seed).mul(64).round().div(64),
  );
  const exact = (await Promise.all(compute(x, shortcut).map(t => t.data()))) as Float32Array[];
  setPrecisionPolicy('mixed_bfloat16');
  const text = compute.stablehlo(x, shortcut);
  const rounded = compute(x, shortcut);
  setPrecisionPolicy('float32');
  expect(calls(text, 'channel_affine').map(operandsOf)).toContain(3);
  const actual = (await Promise.all(rounded.map(t => t.data()))) as Float32Array[];
  expectSame(actual.slice(0, 2), exact.slice(0, 2), 2 ** -7);
  expect(calls(text, 'channel_affine')).toHaveLength(4);
  // Rounded, some values pass zero, and the relu's gradient with them.
  actual.forEach((values, i) => {
    const difference = Math.hypot(...values.map((v, k) => v - exact[i][k]));
    expect(difference / Math.hypot(...exact[i])).toBeLessThan(0.06);
  });
  tf.dispose([x, shortcut, scale, offset, same]);
});

whereTheyWork('in a loop on the device they do, too', async () => {
  const train = async (loop: boolean): Promise<number[]> => {
    const model = residualNetwork();
    const sgd = tf.train.momentum(0.05, 0.9);
    const weights = model.trainableWeights.map(weight => weight.read() as tf.Variable);
    const loss = (x: tf.Tensor) =>
      (model.apply(x, { training: true }) as tf.Tensor).square().mean() as tf.Scalar;
    const step = (x: tf.Tensor): tf.Tensor => sgd.minimize(() => loss(x), true, weights)!;
    const x = tf.randomUniform([3, 32, 8, 8, 3], -1, 1, 'float32', 5);
    const many = scan(step);
    if (loop) {
      const text = many.stablehlo(x);
      expect(text).toContain('stablehlo.while');
      expect(calls(text, 'channel_sums')).toHaveLength(1);
    }
    const one = jit(step, { onTrace: () => undefined });
    const losses = loop ? [...many(x).dataSync()] : tf.unstack(x).map(part => one(part).dataSync()[0]);
    model.dispose();
    x.dispose();
    return losses;
  };
  expect(await train(true)).toEqual(await train(false));
});

whereTheyWork('the same bits, run after run', async () => {
  const [first, second] = [await gradients('xla'), await gradients('xla')];
  expect(second.values).toEqual(first.values);
});

whereTheyWork('a NaN before a relu is still one after the joined gradient', async () => {
  for (const batch of [16, 64]) await expectNaN(batch); // the second by Winograd
});

async function expectNaN(batch: number): Promise<void> {
  await tf.setBackend('xla');
  const filter = tf.randomUniform([3, 3, 16, 16], -1, 1, 'float32', 1) as tf.Tensor4D;
  const scale = tf.ones([16]) as tf.Tensor1D;
  const loss = (x: tf.Tensor) => {
    const { y, mean, variance } = batchNormTraining(x as tf.Tensor4D, scale, tf.zeros([16]), 1e-5);
    tf.dispose([mean, variance]);
    return tf
      .conv2d(y.relu() as tf.Tensor4D, filter, 1, 'same')
      .square()
      .sum();
  };
  const gradient = jit((x: tf.Tensor) => tf.grad(loss)(x));
  const x = tf.randomUniform([batch, 8, 8, 16], -1, 1, 'float32', 2);
  const target = batch === 16 ? 'convolution_input_gradient' : 'winograd';
  expect(calls(gradient.stablehlo(x), target).map(operandsOf)).toContain(4);
  expect((await gradient(x).data()).some(Number.isNaN)).toBe(false);
  const spoiled = tf.buffer([batch, 8, 8, 16], 'float32', (await x.data()) as Float32Array);
  spoiled.set(NaN, 3, 4, 4, 7);
  const result = (await gradient(spoiled.toTensor()).data()) as Float32Array;
  expect(result.filter((_, i) => i % 16 === 7).every(Number.isNaN)).toBe(true);
}

whereTheyWork('more tiles than are held in memory at a time are computed in parts', async () => {
  const compute = async (native: boolean) => {
    await useXla({ native });
    const x = tf.randomUniform([34, 24, 24, 160], -1, 1, 'float32', 1) as tf.Tensor4D;
    const w = tf.randomUniform([3, 3, 160, 144], -1, 1, 'float32', 2) as tf.Tensor4D;
    const dy = tf.randomUniform([34, 24, 24, 144], -1, 1, 'float32', 3);
    const convolve = (a: tf.Tensor, b: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 'same');
    const results = [convolve(x, w), ...tf.grads(convolve)([x, w], dy)];
    const norms = results.map(t => t.norm().dataSync()[0]);
    tf.dispose([x, w, dy]);
    return { results, norms };
  };
  const own = await compute(true);
  const xla = await compute(false).finally(() => useXla({ native: true }));
  own.results.forEach((t, i) =>
    expect(t.sub(xla.results[i]).norm().dataSync()[0]).toBeLessThan(1e-5 * own.norms[i]),
  );
  tf.dispose([own.results, xla.results]);
});

test('the kernels compile without a warning', () => {
  const source = path.join(__dirname, '../../src/xla/native/kernels.c');
  const options = [
    '-std=gnu11',
    '-O1',
    '-march=native',
    '-Wall',
    '-Wextra',
    '-Wno-psabi',
    '-Werror',
    '-fsyntax-only',
  ];
  const run = spawnSync(process.env.CC ?? 'cc', [...options, source], { encoding: 'utf8' });
  if (native.works && !run.error) expect(run.stderr).toBe('');
});

test('several devices are left to XLA, whose partitioner can not divide a call', async () => {
  await useXla({ native: true });
  const [x, w] = [tf.zeros([4, 8, 8, 16]), tf.zeros([3, 3, 16, 16])] as tf.Tensor4D[];
  const devices = { sharding: { devices: 2, split: { 0: 0 } } };
  const convolve = (a: tf.Tensor4D, b: tf.Tensor4D) => tf.conv2d(a, b, 1, 'same');
  let text = '';
  try {
    text = jit(convolve, devices).stablehlo(x, w);
  } catch (error) {
    expect((error as Error).message).toContain('2 devices are asked for'); // this client has one
  }
  expect(text).not.toContain('custom_call');
});

describe('another process', () => {
  let folder: string;
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'xla-native-'));
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** What nativeProgram.ts prints. */
  function run(environment: NodeJS.ProcessEnv = {}): {
    native: Native;
    compiled: number;
    loaded: number;
    sum: number;
  } {
    const script = path.join(__dirname, 'nativeProgram.ts');
    const child = spawnSync(process.execPath, ['--import', 'tsx', script], {
      env: { ...process.env, XLA_CACHE: folder, ...environment },
      encoding: 'utf8',
    });
    expect(child.status).toBe(0);
    return JSON.parse(child.stdout) as ReturnType<typeof run>;
  }
  const library = (): string => {
    const [name] = fs.readdirSync(path.join(folder, 'native'));
    return path.join(folder, 'native', name);
  };

  whereTheyWork('loads a program that calls the kernels from the disk', async () => {
    const first = run();
    expect(first).toMatchObject({ native: { works: true }, compiled: 1, loaded: 0 });
    expect(run()).toEqual({ ...first, compiled: 0, loaded: 1 });
  });

  whereTheyWork('compiles the kernels again when they are damaged', async () => {
    const { sum } = run();
    const { size } = fs.statSync(library());
    fs.writeFileSync(library(), 'no library');
    expect(run()).toMatchObject({ native: { works: true }, sum });
    expect(fs.statSync(library()).size).toBe(size);
  });

  test('says that there is no compiler, or what it complained of, and computes without', () => {
    const without = run({ CC: 'no-such-compiler' });
    expect(without.native).toEqual({
      works: false,
      reason: 'no C compiler was found (no-such-compiler): install one, gcc for example',
    });
    expect(run({ CC: 'false' }).native).toEqual({
      works: false,
      reason: 'false did not compile them (exit code 1)',
    });
    fs.writeFileSync(path.join(folder, 'file'), '');
    const reason = run({ XLA_CACHE: path.join(folder, 'file') }).native.reason;
    expect(reason).toMatch(/file.*; let XLA_CACHE name a folder that can be written/);
    expect(run({ XLA_NATIVE: 'off' }).native).toEqual({ works: false, reason: 'XLA_NATIVE is off' });
    expect(without.sum).toBe(8 * (9 * 36 + 6 * 24 + 4 * 4) * 16 * 16);
  });
});
