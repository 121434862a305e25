import * as tf from '@tensorflow/tfjs';
import {
  jit,
  ready,
  scan,
  seedTensor,
  setPrecisionPolicy,
  statelessNormal,
  statelessUniform,
  useXla,
  xlaStats,
} from '../../src/xla';
import { threefry } from '../../src/xla/random';

beforeAll(() => useXla());

describe('jit', () => {
  test('gives what the function gives, arguments and results nested', async () => {
    const f = ({ x, ys }: { x: tf.Tensor; ys: tf.Tensor[] }, k: number) => ({
      sum: ys.reduce((a, b) => a.add(b), x).mul(k),
      both: [x, ys[0].neg()],
    });
    const args = () => [{ x: tf.tensor1d([1, 2]), ys: [tf.tensor1d([3, 4]), tf.scalar(5)] }, 2] as const;
    const plain = f(...(args() as unknown as Parameters<typeof f>));
    const fast = jit(f)(...(args() as unknown as Parameters<typeof f>));
    expect(await fast.sum.data()).toEqual(await plain.sum.data());
    expect(await fast.both[1].data()).toEqual(await plain.both[1].data());
    expect(fast.both[0].shape).toEqual([2]);
  });

  test('variables it assigns keep their new values; their memory is reused', async () => {
    const w = tf.variable(tf.zeros([1000]));
    const step = jit((x: tf.Tensor) => {
      w.assign(w.add(x));
      return w.sum();
    });
    const one = tf.scalar(1);
    tf.dispose(step(one));
    await w.data();
    const { arrays } = xlaStats();
    for (let i = 0; i < 4; i++) tf.dispose(step(one));
    expect((await w.data())[0]).toBe(5);
    expect(xlaStats().arrays).toBeLessThanOrEqual(arrays);
    expect(step.stablehlo(one)).toContain('tf.aliasing_output');
    expect(step.traces).toBe(1);
  });

  test('plain arguments that differ are programs that differ, be they no finite numbers', () => {
    const reasons: string[] = [];
    const f = jit((x: tf.Tensor, k: number | null) => x.add(k === null ? 100 : k), {
      onTrace: reason => reasons.push(reason),
    });
    const of = (k: number | null) => f(tf.scalar(1), k).dataSync()[0];
    expect([Infinity, -Infinity, NaN, null].map(of)).toEqual([Infinity, -Infinity, NaN, 101]);
    expect(jit((x: tf.Tensor, k: number) => x.div(k))(tf.scalar(1), -0).dataSync()[0]).toBe(-Infinity);
    setPrecisionPolicy('mixed_bfloat16');
    try {
      of(null);
    } finally {
      setPrecisionPolicy('float32');
    }
    expect(reasons.slice(-2)).toEqual(['new arguments (float32:f32[])', 'new precision']);
  });

  test('inside of a gradient it is part of what is differentiated', () => {
    const w = tf.variable(tf.scalar(3));
    const f = jit((x: tf.Tensor) => x.mul(w));
    expect(
      tf
        .grad(x => f(x).add(x))(tf.scalar(5))
        .dataSync()[0],
    ).toBe(4);
    expect(tf.variableGrads(() => f(tf.scalar(5)) as tf.Scalar).grads[w.name].dataSync()[0]).toBe(5);
    w.dispose();
  });

  test('a variable may be an argument and be assigned, too', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const f = jit((x: tf.Tensor) => {
      w.assign(w.add(x) as tf.Tensor1D);
      return x.mul(2);
    });
    expect([f(w), f(w)].map(y => [...y.dataSync()])).toEqual([
      [2, 4],
      [4, 8],
    ]);
    expect([...w.dataSync()]).toEqual([4, 8]);
    w.dispose();
  });

  test('arguments may be disposed of, and the back end changed, before an asynchronous call resolves', async () => {
    const f = jit((x: tf.Tensor) => x.add(1));
    for (const call of [f.async, f.launch]) {
      const x = tf.tensor1d([1, 2]);
      const promise = call(x);
      x.dispose();
      await tf.setBackend('cpu');
      const y = await promise;
      await useXla();
      expect([...(await y.data())]).toEqual([2, 3]);
      y.dispose();
    }
  });

  test('a variable of strings is in nobody’s way', () => {
    const names = tf.variable(tf.tensor1d(['a', 'b']));
    expect(jit((x: tf.Tensor) => x.add(1))(tf.scalar(1)).dataSync()[0]).toBe(2);
    names.dispose();
  });

  test('a function that makes variables at every call is refused', () => {
    const { numTensors } = tf.memory();
    const f = jit((x: tf.Tensor) => x.add(tf.variable(tf.scalar(1), true)), { name: 'careless' });
    const x = tf.scalar(1);
    expect(() => f(x)).toThrow('jit(careless) makes variables at every call: make them outside.');
    x.dispose();
    expect(tf.memory().numTensors - numTensors).toBeLessThan(4);
  });

  test('a call can be launched: it resolves before the results are there, `ready` when they are', async () => {
    const w = tf.variable(tf.ones([200, 200]));
    const f = jit(() => {
      w.assign(w.matMul(w).div(200));
      return w.sum();
    });
    const sums = [await f.launch(), await f.launch(), await f.launch()];
    await ready(sums);
    expect(sums.map(sum => Math.round(sum.dataSync()[0]))).toEqual([40_000, 40_000, 40_000]);
    await expect(ready({ nested: [sums[0]], of: 'no tensor' })).resolves.toBeUndefined();
    tf.dispose([w, ...sums]);
  });

  test('on another back end there is no program to read, and the error says so', async () => {
    await tf.setBackend('cpu');
    try {
      const f = jit((x: tf.Tensor) => x.neg(), { name: 'negate' });
      expect(f(tf.scalar(1)).dataSync()[0]).toBe(-1);
      for (const read of [f.stablehlo, f.optimized]) {
        expect(() => read(tf.scalar(1))).toThrow(
          "jit(negate): only the back end xla makes programs to be read, and cpu is in use: tf.setBackend('xla').",
        );
      }
    } finally {
      await useXla();
    }
  });

  test('a clone of a variable keeps the old value when the program overwrites the variable', async () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const step = jit(() => void w.assign(w.mul(10)));
    const old = w.clone();
    step();
    expect([...(await old.data())]).toEqual([1, 2]);
    expect([...(await w.data())]).toEqual([10, 20]);
  });

  test('an optimizer’s slots, made in the first call, live on the device from then on', async () => {
    const train = (compiled: boolean) => {
      const w = tf.variable(tf.tensor1d([1, -2, 3]));
      const adam = tf.train.adam(0.1);
      const loss = () => adam.minimize(() => w.sub(1).square().sum() as tf.Scalar, true)!;
      const step = compiled ? jit(loss) : loss;
      return Array.from({ length: 5 }, () => step().dataSync()[0]);
    };
    const expected = train(false);
    train(true).forEach((loss, i) => expect(loss).toBeCloseTo(expected[i], 4));
  });

  test('other shapes trace anew and say so; other numbers in a tensor do not', () => {
    const reasons: string[] = [];
    const double = jit((x: tf.Tensor) => x.mul(2), { onTrace: reason => reasons.push(reason) });
    double(tf.ones([2]));
    double(tf.zeros([2]));
    double(tf.ones([3]));
    expect(double.traces).toBe(2);
    expect(reasons).toEqual(['first call', 'new arguments (float32:f32[3])']);
  });

  test('reading a tensor inside is refused with a reason', () => {
    expect(() => jit((x: tf.Tensor) => tf.scalar(x.dataSync()[0]))(tf.scalar(1))).toThrow(
      /Tensor data was read inside jit\(\)/,
    );
    // and the backend works on
    expect(tf.scalar(1).add(1).dataSync()[0]).toBe(2);
  });

  test('a variable, and what a loop carries, cannot be read inside either', () => {
    const v = tf.variable(tf.scalar(2));
    expect(() => jit(() => tf.scalar(v.add(1).dataSync()[0]))()).toThrow(
      /Tensor data was read inside jit\(\)/,
    );
    const carried = scan((x: tf.Tensor) => {
      v.assign(v.add(x));
      return tf.scalar(v.dataSync()[0]);
    });
    expect(() => carried(tf.ones([3]))).toThrow(/Tensor data was read inside jit\(\)/);
    expect(v.dataSync()[0]).toBe(2);
    v.dispose();
  });

  test('after an error inside, variables are what they were', () => {
    const v = tf.variable(tf.scalar(2));
    const before = tf.memory().numTensors;
    const failing = jit((x: tf.Tensor) => {
      v.assign(v.add(x));
      tf.variable(tf.zeros([3]), true, 'half made');
      throw new Error('in the middle');
    });
    expect(() => failing(tf.tensor(1))).toThrow('in the middle');
    expect(v.dataSync()[0]).toBe(2);
    expect(Object.keys(tf.engine().registeredVariables)).not.toContain('half made');
    expect(tf.memory().numTensors).toBe(before + 1); // the argument
    const fromArgument = jit((x: tf.Tensor) => tf.variable(x.add(1), true, 'of an argument').mul(2));
    expect(() => fromArgument(tf.tensor(1))).toThrow(
      /the variable of an argument gets its first value from an argument/,
    );
    v.dispose();
  });

  test('after an error inside, an optimizer whose slots were made there goes on', () => {
    const train = (mistaken: boolean) => {
      const w = tf.variable(tf.tensor1d([1, -2, 3]));
      const momentum = tf.train.momentum(0.1, 0.9);
      let reads = mistaken;
      const step = jit(() => {
        const loss = momentum.minimize(() => w.sub(1).square().sum() as tf.Scalar, true)!;
        if (reads) loss.dataSync();
        return loss;
      });
      if (mistaken) expect(() => step()).toThrow(/read inside jit/);
      reads = false;
      return Array.from({ length: 4 }, () => step().dataSync()[0]);
    };
    expect(train(true)).toEqual(train(false));
  });

  test('what depends on neither arguments nor variables can be read inside: it is a number of the program', async () => {
    const shape = tf.tensor1d([3, 2], 'int32').mul(1);
    const fold = jit((x: tf.Tensor) => x.reshape([...shape.reverse().dataSync()]).sum(0));
    const x = tf.range(0, 6);
    expect(await fold(x).data()).toEqual(Float32Array.of(3, 5, 7));
    expect(await fold(x).data()).toEqual(Float32Array.of(3, 5, 7));
    expect(fold.traces).toBe(1);
  });

  test('a kernel whose result’s shape depends on the data is refused by name', () => {
    expect(() => jit((x: tf.Tensor1D) => tf.unique(x).values)(tf.tensor1d([1, 1]))).toThrow(
      /Unique cannot be part of a jit function/,
    );
  });

  test('an async function and a disposed variable are refused', () => {
    expect(() => jit(async (x: tf.Tensor) => Promise.resolve(x))(tf.scalar(1))).toThrow(/async function/);
    const w = tf.variable(tf.scalar(1), true, 'gone');
    const f = jit(() => w.add(1));
    f();
    w.dispose();
    expect(() => f()).toThrow(/variable gone.*was disposed/);
  });

  test('a tensor that was kept inside says so when it is read, and nothing else suffers', () => {
    let kept: tf.Tensor | undefined;
    const double = jit((x: tf.Tensor) => {
      kept = tf.keep(x.add(1));
      return x.mul(2);
    });
    expect([...double(tf.tensor1d([1, 2])).dataSync()]).toEqual([2, 4]);
    const after = kept!.mul(3);
    expect([...double(tf.tensor1d([3, 4])).dataSync()]).toEqual([6, 8]);
    const square = jit((x: tf.Tensor) => x.square());
    expect([...square(tf.tensor1d([3])).dataSync()]).toEqual([9]);
    expect(() => kept!.dataSync()).toThrow(/made inside a jit function .*Return it/);
    expect(() => after.dataSync()).toThrow(/made inside a jit function/);
    tf.dispose([kept!, after]);
  });

  test('async() resolves when computed, and compiles beside the event loop', async () => {
    const f = jit((x: tf.Tensor2D) => x.matMul(x).sum());
    expect((await f.async(tf.ones([8, 8]))).dataSync()[0]).toBe(512);
  });

  test('a program for another platform is written as that one likes it, and not run', async () => {
    const [x, w] = [tf.ones([8, 16, 16, 64]), tf.ones([3, 3, 64, 64])];
    const convolve = (a: tf.Tensor, b: tf.Tensor) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 'same');
    const here = jit(convolve, { name: 'here' });
    const there = jit(convolve, { name: 'there', platform: 'cuda' });
    expect(there.stablehlo(x, w)).toContain('stablehlo.convolution');
    expect(here.stablehlo(x, w)).not.toContain('stablehlo.convolution'); // Winograd's products
    expect(() => there(x, w)).toThrow(/there.* is written for cuda, and the plugin in use is for cpu/);
    await expect(there.async(x, w)).rejects.toThrow(/can be read/);
    expect(() => there.optimized(x, w)).toThrow(/can be read/);
    expect((await here(x, w).data())[0]).toBe(4 * 64);
  });

  test('XLA’s own program can be read', () => {
    expect(jit((x: tf.Tensor) => x.exp().add(1)).optimized(tf.ones([4]))).toMatch(
      /^HloModule[^]*ENTRY[^]* = f32\[4\]/,
    );
  });
});

describe('random numbers', () => {
  const draw = (seed: number, step: number) => {
    const f = jit((s: tf.Tensor1D) => [statelessUniform([5, 3], s), statelessNormal([7], s)]);
    return f(seedTensor(seed, step)).map(t => [...t.dataSync()]);
  };
  test('the same seed gives the same bits, another seed or step others', () => {
    expect(draw(1, 2)).toEqual(draw(1, 2));
    expect(draw(1, 2)).not.toEqual(draw(1, 3));
    expect(draw(1, 2)).not.toEqual(draw(2, 2));
  });

  test('uniform numbers are the same bits on the plain JavaScript back end', async () => {
    const [uniform] = draw(42, 7);
    await tf.setBackend('cpu');
    const there = [...statelessUniform([5, 3], seedTensor(42, 7)).dataSync()];
    await tf.setBackend('xla');
    expect(uniform).toEqual(there);
  });

  test.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [-1, -1],
      [-1, -1],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as [number, number][][])(
    'Threefry-2x32 agrees with the known answers of Random123',
    (key, counter, answer) => {
      const words = threefry(key, counter, {
        add: (a, b) => (a + b) | 0,
        xor: (a, b) => a ^ b,
        rotate: (a, by) => (a << by) | (a >>> (32 - by)),
        constant: x => x | 0,
      });
      expect(words.map(word => word >>> 0)).toEqual(answer);
    },
  );

  test('moments of the normal distribution', () => {
    const { mean, variance } = tf.moments(statelessNormal([20000], seedTensor(3)));
    expect(Math.abs(mean.dataSync()[0])).toBeLessThan(0.03);
    expect(Math.abs(variance.dataSync()[0] - 1)).toBeLessThan(0.05);
  });
});

describe('scan', () => {
  const make = () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const momentum = tf.train.momentum(0.1, 0.9);
    const data = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    const step = (rows: tf.Tensor1D, rate: tf.Scalar) => {
      const loss = momentum.minimize(
        () => data.gather(rows).sub(w).square().mean().mul(rate) as tf.Scalar,
        true,
      )!;
      return { loss, w: w.add(0) };
    };
    return { w, step };
  };
  const rows = () => tf.tensor2d([0, 1, 1, 2, 2, 0], [3, 2], 'int32') as tf.Tensor as tf.Tensor1D;
  const rates = () => tf.tensor1d([1, 0.5, 0.25]) as tf.Tensor as tf.Scalar;

  test('K steps in one program are K steps one by one', async () => {
    const together = make();
    const many = scan(together.step);
    const before = xlaStats().executed;
    const result = many(rows(), rates());
    expect(result.loss.shape).toEqual([3]);
    const losses = [...(await result.loss.data())];
    const executed = xlaStats().executed - before;

    const single = make();
    const one = jit(single.step);
    const expected = [0, 1, 2].map(i =>
      one(rows().slice([i, 0], [1, 2]).reshape([2]) as tf.Tensor1D, rates().slice(i, 1).asScalar()),
    );
    expect(losses).toEqual(expected.map(r => r.loss.dataSync()[0]));
    expect([...together.w.dataSync()]).toEqual([...single.w.dataSync()]);
    expect([...(result.w as tf.Tensor2D).arraySync()[1]]).toEqual([...expected[1].w.dataSync()]);
    expect(executed).toBeLessThanOrEqual(3); // the optimizer's slots, its constants, and the loop
    expect(many.stablehlo(rows(), rates())).toContain('stablehlo.while');
  });

  test('is a plain loop on another back end', async () => {
    const onXla = [...scan(make().step)(rows(), rates()).loss.dataSync()];
    await tf.setBackend('cpu');
    const onCpu = [...scan(make().step)(rows(), rates()).loss.dataSync()];
    await tf.setBackend('xla');
    onCpu.forEach((loss, i) => expect(loss).toBeCloseTo(onXla[i], 5));
  });

  test('arguments without one leading axis are refused', () => {
    const f = scan((x: tf.Tensor, y: tf.Tensor) => x.add(y), { name: 'sum' });
    expect(() => f(tf.ones([3]), tf.ones([2]))).toThrow(/scan\(sum\): .*got \[3\], \[2\]/);
  });
});
