/** jit where tensors and variables share their data, which TensorFlow.js lets them: clones, views, one initial value for two variables. */
import * as tf from '@tensorflow/tfjs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { jit, scan, setPrecisionPolicy, uint8Tensor, useXla, xlaStats } from '../../src/xla';

beforeAll(() => useXla());
afterEach(() => setPrecisionPolicy('float32'));

const numbers = (result: tf.Tensor | tf.Tensor[]) => [result].flat().map(t => [...t.dataSync()]);
const times = <T>(n: number, f: () => T): T[] => Array.from({ length: n }, f);

describe('variables that share data', () => {
  test('two of one initial value, and a copy of another', () => {
    const zeros = tf.zeros([20]);
    const [a, b] = [tf.variable(zeros), tf.variable(zeros)];
    const count = jit(() => {
      a.assign(a.add(1));
      b.assign(b.add(10));
      return [a.max(), b.max()] as tf.Tensor[];
    });
    expect(times(3, () => numbers(count()).flat())).toEqual([[1, 10], [2, 20], [3, 30]]); // prettier-ignore
    const w = tf.variable(tf.zeros([1]));
    const average = tf.variable(w);
    const step = jit(() => {
      w.assign(w.add(1));
      average.assign(average.add(w).div(2));
      return [w.clone(), average.clone()];
    });
    expect(times(3, () => numbers(step()).flat())).toEqual([[1, 0.5], [2, 1.25], [3, 2.125]]); // prettier-ignore
  });

  test('the slots of two optimizers', async () => {
    const make = () => ({ w: tf.variable(tf.tensor1d([1, 2])), optimizer: tf.train.momentum(0.1, 0.9) });
    const train = async (wrap: <A extends unknown[], R>(f: (...args: A) => R) => (...args: A) => R) => {
      const [one, two] = [make(), make()];
      const step = (at: typeof one) =>
        wrap(() => at.optimizer.minimize(() => at.w.square().sum() as tf.Scalar, true)!);
      step(one)();
      two.optimizer.applyGradients([{ name: two.w.name, tensor: tf.zeros([2]) }]);
      await two.optimizer.setWeights(await one.optimizer.getWeights());
      const [first, second] = [step(one), step(two)];
      times(2, () => [first(), second()]);
      return numbers([one.w, two.w]).flat();
    };
    const expected = await train(f => f);
    (await train(f => jit(f))).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
  });

  test('a clone that the function captured stays what it was', () => {
    const v = tf.variable(tf.tensor1d([1, 2]));
    const old = v.clone();
    const moved = jit(() => {
      const by = v.sub(old).sum();
      v.assign(v.add(1));
      return by;
    });
    expect(times(3, () => numbers(moved())[0][0])).toEqual([0, 2, 4]);
  });

  test('one that was assigned a reshaped tensor', () => {
    const v = tf.variable(tf.zeros([2, 2]));
    v.assign(tf.tensor1d([1, 2, 3, 4]).reshape([2, 2]));
    const step = jit(() => {
      v.assign(v.add(1));
      return v.sum();
    });
    expect(times(3, () => numbers(step())[0][0])).toEqual([14, 18, 22]);
  });

  test('a view of one as argument', () => {
    const v = tf.variable(tf.ones([10]));
    const f = jit((a: tf.Tensor) => v.sum().add(a.sum()));
    expect(numbers(f(v.reshape([2, 5])))).toEqual([[20]]);
    v.assign(tf.fill([10], 2));
    expect(numbers(f(v.reshape([2, 5])))).toEqual([[40]]);
    expect(numbers(v)[0][0]).toBe(2);
  });
});

test('arguments that share data in two shapes', () => {
  const x = tf.tensor1d([1, 2, 3, 4]);
  const f = jit((a: tf.Tensor, b: tf.Tensor) => a.max().add(b.max()));
  expect(times(3, () => numbers(f(x, x.reshape([2, 2])))[0][0])).toEqual([8, 8, 8]);
  expect(numbers(x)).toEqual([[1, 2, 3, 4]]);
});

describe('how a variable is stored', () => {
  test('in f32 it stays so where the policy computes in bf16', () => {
    const v = tf.variable(tf.ones([2, 2]) as tf.Tensor2D);
    setPrecisionPolicy('mixed_bfloat16');
    const step = jit((x: tf.Tensor2D) => {
      v.assign(v.matMul(x).add(tf.fill([2, 2], 0.001)));
      return v.sum();
    });
    const identity = tf.tensor2d([[1, 0], [0, 1]]); // prettier-ignore
    times(2, () => step(identity));
    expect(numbers(v)[0][0]).not.toBe(1);
    expect(step.traces).toBe(1);
  });

  test('stored otherwise since the trace it is traced anew', () => {
    const v = tf.variable(tf.ones([2, 2]) as tf.Tensor2D);
    const reasons: string[] = [];
    setPrecisionPolicy('mixed_bfloat16');
    const total = jit(() => v.sum(), { onTrace: reason => reasons.push(reason) });
    expect(numbers(total())).toEqual([[4]]);
    v.assign(v.matMul(v) as tf.Tensor2D);
    expect(numbers(total())).toEqual([[8]]);
    expect(reasons).toEqual(['first call', 'a variable is stored as another type']);
  });

  test('as bytes it may grow beyond them', () => {
    const v = tf.variable(uint8Tensor(Uint8Array.of(1, 250), [2]));
    const step = jit(
      () => {
        v.assign(v.add(tf.scalar(10, 'int32')));
        return v.sum();
      },
      { onTrace: () => undefined },
    );
    expect(times(3, () => numbers(step())[0][0])).toEqual([271, 291, 311]);
  });
});

test('a scan inside of a scan sees what the outer step computes', () => {
  const ys = tf.tensor1d([1, 2, 3]);
  const outer = scan((x: tf.Tensor) => {
    const factor = x.mul(2).add(1);
    return scan((y: tf.Tensor) => y.mul(factor))(ys);
  });
  expect(numbers(outer(tf.tensor1d([1, 2])))).toEqual([[3, 6, 9, 5, 10, 15]]);
});

test('calls are started in their order, at once where the program is there', async () => {
  const v = tf.variable(tf.scalar(0));
  const both = jit(
    (x: tf.Tensor) => {
      v.assign(v.add(x.max()).mul(x.size) as tf.Scalar);
      return v.clone();
    },
    { onTrace: () => undefined },
  );
  await both.launch(tf.tensor1d([0, 0]));
  await Promise.all([both.launch(tf.tensor1d([1, 1, 1])), both.launch(tf.tensor1d([2, 2]))]);
  expect(v.dataSync()[0]).toBe((0 + 1) * 3 * 2 + 2 * 2);
  const later = both.async(tf.tensor1d([0, 0]));
  v.assign(tf.scalar(1));
  expect((await later).dataSync()[0]).toBe(20);
  expect(v.dataSync()[0]).toBe(1);
});

test('a failed trace holds nothing', () => {
  const v = tf.tidy(() => tf.variable(tf.zeros([100_000])));
  v.dataSync();
  const fail = (x: tf.Tensor) => {
    v.assign(v.add(x.max()));
    throw new Error('mine');
  };
  const before = xlaStats().bytes;
  const failing = [
    () => jit(fail)(tf.scalar(1)),
    () => scan(fail)(tf.ones([3])),
    () => jit((x: tf.Tensor) => x.add(1), { sharding: { devices: 2, split: { 0: 0 } } })(tf.ones([3])),
    () => jit((x: tf.Tensor) => tf.variable(x.add(1)).add(v))(tf.scalar(1)),
  ];
  for (const call of failing) {
    expect(() => call()).toThrow();
    const next = v.add(1) as tf.Tensor1D;
    v.assign(next);
    next.dispose();
    v.dataSync();
    expect(xlaStats().bytes - before).toBeLessThan(300_000);
  }
});

test('what a function captured goes with it', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const before = xlaStats().bytes;
  for (let i = 0; i < 3; i++) {
    const captured = tf.tidy(() => tf.fill([100_000], i).add(1));
    expect(jit((x: tf.Tensor) => x.add(captured).max())(tf.scalar(1)).dataSync()[0]).toBe(i + 2);
    captured.dispose();
  }
  for (let i = 0; i < 20 && xlaStats().bytes - before > 300_000; i++) {
    collect();
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  expect(xlaStats().bytes - before).toBeLessThan(300_000);
});

test('names that are no identifiers', () => {
  for (const name of ['', '3d-net', 'a b'])
    expect(jit((x: tf.Tensor) => x.add(1), { name })(tf.scalar(1)).dataSync()[0]).toBe(2);
});

test('integers beyond their range are its ends', () => {
  const x = tf.tensor1d([1, 2], 'int32');
  expect(numbers(x.clipByValue(-1e10, 1e10))).toEqual([[1, 2]]);
  expect(numbers(jit((y: tf.Tensor) => y.clipByValue(1.5, 1e10))(x))).toEqual([[1, 2]]);
});

describe('bf16 beside f32', () => {
  beforeEach(() => setPrecisionPolicy('mixed_bfloat16'));
  const x = () => tf.ones([1, 4, 4, 3]) as tf.Tensor4D;
  const w = () => tf.fill([1, 1, 3, 4], 0.5) as tf.Tensor4D;
  test('gradients of elu and of local response normalization', () => {
    for (const f of [tf.elu, (y: tf.Tensor) => tf.localResponseNormalization(y as tf.Tensor4D)]) {
      const gradient = tf.grad((v: tf.Tensor) => f(tf.conv2d(x(), v as tf.Tensor4D, 1, 'same')).sum());
      expect(numbers(gradient(w()))[0].every(Number.isFinite)).toBe(true);
    }
  });
  test('scattered and complex numbers', () => {
    const y = tf.ones([2, 3]).matMul(tf.ones([3, 4]));
    const rows = tf.tensor2d([[0], [2]], undefined, 'int32');
    expect(numbers(tf.tensorScatterUpdate(tf.zeros([3, 4]), rows, y))).toEqual([
      [3, 3, 3, 3, 0, 0, 0, 0, 3, 3, 3, 3],
    ]);
    expect(numbers(tf.abs(tf.complex(y, y)))[0][0]).toBeCloseTo(3 * Math.SQRT2, 5);
  });
  test('a weight of one element stays f32', () => {
    const v = tf.variable(tf.ones([1, 1]) as tf.Tensor2D);
    const sgd = tf.train.sgd(0.001);
    sgd.minimize(() => tf.ones([4, 1]).matMul(v).square().mean() as tf.Scalar);
    expect(numbers(v)[0][0]).toBeCloseTo(0.998, 5); // bf16 has 1 or 0.996 there
  });
});
