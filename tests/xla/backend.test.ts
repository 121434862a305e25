/** Lazy execution: what is computed when, what stays in memory, and what tfjs promises about tensors. */
import * as path from 'node:path';
import { runInThisContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { debugNaNs, jit, scan, useXla, xlaStats } from '../../src/xla';

beforeAll(() => useXla());

/** Programs compiled and run by `f`. */
async function counted(f: () => unknown): Promise<{ compiled: number; executed: number }> {
  const before = { ...xlaStats() };
  await f();
  const after = xlaStats();
  return { compiled: after.compiled - before.compiled, executed: after.executed - before.executed };
}

describe('lazy execution', () => {
  test('operations wait for a read, and then are one program', async () => {
    const x = tf.tensor1d([1, 2, 3]);
    let y: tf.Tensor = x;
    expect(await counted(() => (y = tf.tidy(() => x.add(1).square().sum().sqrt())))).toMatchObject({
      executed: 0,
    });
    expect(await counted(() => y.data())).toMatchObject({ executed: 1 });
    expect(await counted(() => y.data())).toMatchObject({ executed: 0 });
    expect(y.dataSync()[0]).toBeCloseTo(Math.sqrt(4 + 9 + 16), 5);
  });

  test('a loop compiles once, also when a number to fill with changes', async () => {
    const filled = (x: number) => tf.tidy(() => tf.fill([3], x).add(1).dataSync()[0]);
    filled(0);
    const numbers: number[] = [];
    const { compiled } = await counted(() => [0.5, 7, -1].forEach(x => numbers.push(filled(x))));
    expect({ compiled, numbers }).toEqual({ compiled: 0, numbers: [1.5, 8, 0] });
  });

  test('a loop compiles once, also when a scalar changes', async () => {
    const x = tf.variable(tf.zeros([4]));
    const round = (rate: number) => tf.tidy(() => x.assign(x.sub(x.sub(3).mul(tf.scalar(rate)))));
    round(0.5);
    await x.data();
    const { compiled, executed } = await counted(async () => {
      for (let i = 0; i < 5; i++) {
        round(0.1 * (i + 1));
        await x.data();
      }
    });
    expect({ compiled, executed }).toEqual({ compiled: 0, executed: 5 });
  });

  test('a loop that reads its loss before its variables compiles once, whatever reads and updates it', async () => {
    const x = tf.tensor1d([0, 1, 2, 3]);
    const y = tf.tensor1d([1, 3, 5, 7]);
    const [slope, offset] = [tf.variable(tf.scalar(0.1)), tf.variable(tf.scalar(0.2))];
    const optimizer = tf.train.adam(0.1);
    const step = () =>
      optimizer.minimize(() => x.mul(slope).add(offset).sub(y).square().mean() as tf.Scalar, true)!;
    const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
    model.compile({ loss: 'meanSquaredError', optimizer: 'sgd' });
    let total = tf.scalar(0);
    const round = async (sync: boolean) => {
      const loss = step();
      const value = sync ? loss.dataSync()[0] : (await loss.data())[0];
      loss.dispose();
      const before = total;
      total = before.add(value); // is pending beside what is read
      before.dispose();
      await model.trainOnBatch(x.reshape([4, 1]), y.reshape([4, 1]));
      return value;
    };
    const first = await round(false);
    for (let i = 0; i < 3; i++) await round(i % 2 > 0);
    let last = first;
    const { compiled, executed } = await counted(async () => {
      for (let i = 0; i < 40; i++) last = await round(i % 2 > 0);
    });
    expect(compiled).toBe(0);
    expect(executed).toBeLessThan(40 * 6);
    expect(last).toBeLessThan(first / 10);
    expect(total.dataSync()[0]).toBeGreaterThan(first);
  });

  test('tensors that are read together are computed together', async () => {
    const image = tf.randomNormal([16, 16]);
    await image.data();
    const features = tf.tidy(() => image.matMul(image).relu());
    const heads = [features.sum(), features.mean(), features.max(), features.min()];
    const { compiled, executed } = await counted(() => Promise.all(heads.map(head => head.data())));
    expect({ compiled, executed }).toEqual({ compiled: 1, executed: 1 });
  });

  test('a loop over parts of stored data compiles once', async () => {
    const x = tf.tensor2d(
      Array.from({ length: 48 }, (_, i) => i),
      [12, 4],
    );
    const part = (row: number, column: number) => tf.tidy(() => x.slice([row, column], [3, 2]).mul(2));
    await part(0, 0).data();
    const read: number[][] = [];
    const { compiled, executed } = await counted(async () => {
      for (let row = 1; row < 10; row++) read.push([...(await part(row, row % 3).data())]);
    });
    expect({ compiled, executed }).toEqual({ compiled: 0, executed: 9 });
    const expected = (row: number, column: number) => [0, 1, 2].flatMap(r => [0, 1].map(c => 2 * (4 * (row + r) + column + c))); // prettier-ignore
    expect(read).toEqual(read.map((_, i) => expected(i + 1, (i + 1) % 3)));
    expect([...x.slice([11, 0], [1, 4]).dataSync()]).toEqual([44, 45, 46, 47]);
    expect(x.slice([12, 0], [0, 4]).dataSync()).toHaveLength(0);
    expect(() => x.slice([10, 0], [3, 4])).toThrow();
  });

  test('a value that is used twice is computed once', async () => {
    const x = tf.tensor1d([1, 2]).exp();
    const a = x.add(1);
    await a.data();
    // `a`'s program also computed `x`, which is alive: reading it runs nothing.
    expect(await counted(() => x.data())).toEqual({ compiled: 0, executed: 0 });
  });

  test('data() leaves the event loop free while a program is compiled and runs', async () => {
    const x = tf.randomNormal([600, 600]);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    let y = x;
    for (let i = 0; i < 40; i++) y = y.matMul(x).div(25);
    await y.data();
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(1);
  });

  test('thousands of operations without a read do not pile up', async () => {
    const x = tf.variable(tf.scalar(0));
    const { executed } = await counted(() => {
      for (let i = 0; i < 6000; i++) tf.tidy(() => x.assign(x.add(1)));
    });
    expect(executed).toBeGreaterThan(0);
    expect((await x.data())[0]).toBe(6000);
  });
});

describe('memory', () => {
  test('tidy and dispose free tensors, and the device’s memory with them', async () => {
    const before = { ...tf.memory(), ...xlaStats() };
    const kept = tf.tidy(() => {
      const x = tf.ones([256, 256]);
      x.matMul(x).dataSync();
      return x.sum();
    });
    await kept.data();
    kept.dispose();
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(xlaStats()).toMatchObject({ bytes: before.bytes, arrays: before.arrays });
  });

  test('tf.memory tells what lies on the device', async () => {
    const before = xlaStats().bytes;
    const x = tf.tidy(() => tf.fill([1000], 2).exp());
    await x.data();
    expect((tf.memory() as unknown as { numBytesOnDevice: number }).numBytesOnDevice).toBe(before + 4000);
    x.dispose();
    expect(xlaStats().bytes).toBe(before);
  });

  test('clone and reshape share the data; the last one frees it', async () => {
    const before = xlaStats().arrays;
    const { numDataBuffers } = tf.memory();
    const x = tf.tidy(() => tf.ones([10, 10]).add(1));
    await x.data();
    const y = tf.tidy(() => x.clone().reshape([4, 25]).expandDims(1));
    expect(y.shape).toEqual([4, 1, 25]);
    expect(tf.memory().numDataBuffers).toBe(numDataBuffers + 1);
    x.dispose();
    expect(xlaStats().arrays).toBe(before + 1);
    expect((await y.data())[99]).toBe(2);
    y.dispose();
    expect(xlaStats().arrays).toBe(before);
  });

  test('a variable takes a reshaped tensor, and jit and scan go on with it', async () => {
    const v = tf.variable(tf.zeros([2, 3]));
    const step = jit((x: tf.Tensor) => {
      v.assign(v.add(x.sum()));
      return v.sum(1).reshape([1, 2]);
    });
    const steps = scan((x: tf.Tensor) => {
      v.assign(v.transpose().add(x).reshape([2, 3]));
      return v.sum();
    });
    const flat = tf.tensor([1, 2, 3, 4, 5, 6]);
    v.assign(flat.reshape([2, 3]));
    expect([...(await step(tf.scalar(1)).data())]).toEqual([9, 18]);
    expect([...(await v.data())]).toEqual([2, 3, 4, 5, 6, 7]);
    expect([...(await flat.data())]).toEqual([1, 2, 3, 4, 5, 6]);
    const view = v.reshape([6]);
    expect((await steps(tf.tensor([1, 1])).data())[1]).toBe(27 + 12);
    expect([...(await view.data())]).toEqual([2, 3, 4, 5, 6, 7]);
    const again = view.reshape([3, 2]);
    const whole = jit((x: tf.Tensor) => x.sum(0));
    expect([...(await whole(again).data())]).toEqual([12, 15]);
    expect([...(await whole(view.reshape([3, 2])).data())]).toEqual([12, 15]);
    expect(whole.traces).toBe(1);
    expect([...(await view.data())]).toEqual([2, 3, 4, 5, 6, 7]);
  });

  test('a typed array that is changed after it became a tensor does not change the tensor', async () => {
    const values = Float32Array.of(1, 2, 3);
    const x = tf.tensor1d(values);
    values.fill(9);
    expect([...(await x.add(0).data())]).toEqual([1, 2, 3]);
  });

  test('reading a disposed tensor is tfjs’s error', () => {
    const x = tf.ones([2]);
    x.dispose();
    expect(() => x.dataSync()).toThrow('Tensor is disposed');
  });
});

describe('types', () => {
  test.each<[tf.DataType, number[]]>([
    ['float32', [1.5, -2, 0]],
    ['int32', [7, -8, 0]],
    ['bool', [1, 0, 1]],
  ])('%s goes to the device and back', async (dtype, values) => {
    const x = tf.tensor1d(values, dtype as 'float32');
    expect([...(await x.data())]).toEqual(values);
    const there = tf.reverse(x);
    expect(there.dtype).toBe(dtype);
    expect([...(await there.data())]).toEqual([...values].reverse());
  });

  test('strings stay on the host', async () => {
    const x = tf.tensor1d(['a', 'ü', '']);
    expect(await tf.concat([x, x]).data()).toEqual(['a', 'ü', '', 'a', 'ü', '']);
  });

  test('what has no order is refused where one is needed', () => {
    const z = tf.complex([1, 2], [3, 4]);
    for (const f of [() => tf.mod(z, z), () => tf.relu6(z), () => tf.clipByValue(z, 0, 1), () => tf.max(z)])
      expect(f).toThrow('does not support complex64 tensors');
  });

  test('tf.where takes empty tensors with a number beside', () => {
    const x = tf.zeros([0]);
    expect(tf.where(x.greater(0), x, 0).shape).toEqual([0]);
    expect(tf.where(x.greater(0), 1, x).dataSync()).toHaveLength(0);
  });

  test('complex numbers', async () => {
    const x = tf.complex([1, 0], [1, 2]);
    const [re, im] = [tf.real(x.mul(x)), tf.imag(x.mul(x))];
    expect([...(await re.data()), ...(await im.data())]).toEqual([0, -4, 2, 0]);
  });
});

/** 256 TiB: more than a process can address. */
const TOO_LARGE: [number, number] = [2 ** 20, 2 ** 26];

test('without enough memory: an error that says what to do, and the back end works on', async () => {
  const x = tf.fill(TOO_LARGE, 1);
  await expect(x.data()).rejects.toThrow(
    /^The device is out of memory\. Use a smaller batch.*debugNaNs\(true\)/,
  );
  x.dispose();
  expect([...(await tf.tensor1d([1, 2]).add(1).data())]).toEqual([2, 3]);
});

test('a tensor that can not be computed leaves others alone, and says why when it is read', async () => {
  const bad = tf.fill(TOO_LARGE, 1);
  const v = tf.variable(tf.scalar(0));
  for (let i = 0; i < 250; i++) tf.tidy(() => v.assign(v.add(1)));
  const kept = v.mul(2);
  expect(jit((x: tf.Tensor) => x.add(1))(tf.scalar(1)).dataSync()[0]).toBe(2);
  expect(v.dataSync()[0]).toBe(250);
  expect(kept.dataSync()[0]).toBe(500);
  expect(() => bad.dataSync()).toThrow(/out of memory/);
  tf.dispose([bad, v, kept]);
});

test('profile, time and the debug mode of TensorFlow.js, with jit too', async () => {
  const f = jit((x: tf.Tensor) => x.mul(3).add(1));
  const { kernels } = await tf.profile(() => f(tf.ones([10])));
  expect(kernels.map(({ name }) => name)).toEqual(['Multiply', 'Add']);
  expect((await tf.time(() => f(tf.ones([10])))).kernelMs).toBeGreaterThan(0);
  tf.env().set('DEBUG', true);
  const log = jest.spyOn(console, 'log').mockImplementation();
  try {
    expect(f(tf.scalar(2)).dataSync()[0]).toBe(7);
    await new Promise(resolve => setTimeout(resolve, 50)); // the profiler's own reads
  } finally {
    tf.env().set('DEBUG', false);
    log.mockRestore();
  }
});

describe('debugNaNs', () => {
  afterEach(() => debugNaNs(false));
  test('names the operation that made the first NaN, and the line that called it', () => {
    debugNaNs(true);
    const x = tf.tensor1d([1, -1]);
    expect(() => x.log().mean()).toThrow(
      /^Log\(float32 \[2\]\) gave NaN from inputs without NaN, called at .*backend\.test\.ts:\d+/,
    );
    expect(() => tf.tensor1d([NaN]).add(1)).not.toThrow();
  });

  test('names the line of a notebook’s cell', () => {
    debugNaNs(true);
    const cell = runInThisContext('const logarithm = x => {\n  return x.log();\n};\nx => logarithm(x)') as (
      x: tf.Tensor,
    ) => tf.Tensor;
    expect(() => cell(tf.tensor1d([-1]))).toThrow(
      'gave NaN from inputs without NaN, called at logarithm, line 2 of the cell (of its JavaScript).',
    );
  });

  test('names the operation that the memory does not suffice for', () => {
    debugNaNs(true);
    expect(() => tf.fill(TOO_LARGE, 1).neg()).toThrow(
      /^Neg\(float32 \[1048576,67108864\]\) failed, called at .*backend\.test\.ts:\d+.*: The device is out of memory\. Use a smaller batch/,
    );
  });
});

test('tf.engine().reset() frees the device, and the back end works on', async () => {
  const kept = tf.randomNormal([256, 256]);
  await kept.data();
  const pending = kept.add(1);
  expect(xlaStats().bytes).toBeGreaterThanOrEqual(256 * 256 * 4);
  tf.engine().reset();
  expect(xlaStats().bytes).toBe(0);
  expect(tf.memory().numTensors).toBe(0);
  await useXla();
  expect(pending.isDisposed).toBe(false); // tfjs has forgotten it
  expect(tf.tensor1d([1, 2]).add(1).dataSync()).toEqual(Float32Array.of(2, 3));
});

test('any number of reads at once', async () => {
  const xs = Array.from({ length: 600 }, (_, i) => tf.scalar(i).add(1));
  const values = await Promise.all(xs.map(x => x.data()));
  expect(values.map(([value]) => value)).toEqual(xs.map((_, i) => i + 1));
  tf.dispose(xs);
});

test('tf.time waits until what it measures is computed', async () => {
  const x = tf.randomUniform([700, 700]);
  await x.data();
  const power = (): tf.Tensor =>
    tf.tidy(() => {
      let y = x;
      for (let i = 0; i < 12; i++) y = y.matMul(x).div(350);
      return y;
    });
  tf.dispose(power().dataSync() as never); // compiled
  const waits: number[] = [];
  for (let i = 0; i < 3; i++) {
    let y!: tf.Tensor;
    await tf.time(() => (y = power()));
    const start = performance.now();
    y.dataSync();
    waits.push(performance.now() - start);
    y.dispose();
  }
  const start = performance.now();
  power().dataSync();
  expect(Math.min(...waits)).toBeLessThan((performance.now() - start) / 4);
  x.dispose();
});

test('a process stays with its plugin, and says so when another is asked for', async () => {
  const { plugin } = await useXla();
  await useXla({ plugin: path.relative(process.cwd(), plugin.path) });
  await expect(useXla({ plugin: '/another/pjrt.so' })).rejects.toThrow(
    `This process computes on the plugin ${plugin.path} (cpu) already: start another for /another/pjrt.so.`,
  );
});
