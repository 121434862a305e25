/** Random small graphs of operations, on xla and on the plain JavaScript back end. A failure prints its seed. */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { jit, useXla } from '../../src/xla';

/** XLA_FUZZ_SEED and XLA_FUZZ_COUNT look further; a failing graph alone is repeated with its seed and the count 1. */
const first = Number(process.env.XLA_FUZZ_SEED ?? 1);
const count = Number(process.env.XLA_FUZZ_COUNT ?? 24);

beforeAll(() => useXla());

/** Numbers from a seed: Mulberry32. */
function generator(seed: number): () => number {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Draw {
  whole(below: number): number;
  pick<T>(from: readonly T[]): T;
}

type Step = (xs: tf.Tensor[], draw: Draw) => tf.Tensor | undefined;

const unary =
  (f: (x: tf.Tensor) => tf.Tensor): Step =>
  (xs, draw) =>
    f(draw.pick(xs));

/** Two operands that broadcast, or one with itself. */
const binary =
  (f: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Step =>
  (xs, draw) => {
    const a = draw.pick(xs);
    const fits = xs.filter(b => {
      const n = Math.min(a.rank, b.rank);
      return Array.from({ length: n }, (_, i) => [a.shape[a.rank - 1 - i], b.shape[b.rank - 1 - i]]).every(
        ([p, q]) => p === q || p === 1 || q === 1,
      );
    });
    return f(a, draw.pick(fits));
  };

const axisOf = (x: tf.Tensor, draw: Draw): number => draw.whole(x.rank);
const ranked = (xs: tf.Tensor[], rank: number): tf.Tensor[] => xs.filter(x => x.rank >= rank);

const STEPS: Record<string, Step> = {
  add: binary(tf.add),
  sub: binary(tf.sub),
  mul: binary((a, b) => tf.mul(tf.tanh(a), b)),
  div: binary((a, b) => tf.div(a, b.square().add(1))),
  maximum: binary(tf.maximum),
  squaredDifference: binary((a, b) => tf.squaredDifference(tf.tanh(a), tf.tanh(b))),
  greater: binary((a, b) => tf.cast(tf.greater(a, b), 'float32')),
  where: binary((a, b) => {
    const sum = tf.add(a, b);
    return tf.where(tf.less(sum, 0.1), sum, tf.zerosLike(sum));
  }),
  relu: unary(tf.relu),
  sigmoid: unary(tf.sigmoid),
  expOfNegative: unary(x => tf.exp(tf.neg(tf.abs(x)))),
  sqrt: unary(x => tf.sqrt(tf.abs(x))),
  sin: unary(tf.sin),
  floorToInt: unary(x => tf.cast(tf.cast(tf.clipByValue(x, -100, 100).add(0.37), 'int32'), 'float32')),
  softmax: (xs, draw) => (ranked(xs, 1).length ? tf.softmax(draw.pick(ranked(xs, 1))) : undefined),
  reduce: (xs, draw) => {
    const [x] = [draw.pick(xs)];
    const f = draw.pick([tf.sum, tf.mean, tf.max, tf.min, tf.prod]) as typeof tf.sum;
    return x.rank ? f(tf.tanh(x), axisOf(x, draw), draw.whole(2) === 1) : undefined;
  },
  argMax: (xs, draw) => {
    const from = ranked(xs, 1);
    if (from.length === 0) return undefined;
    const x = draw.pick(from);
    return tf.cast(tf.argMax(x, axisOf(x, draw)), 'float32');
  },
  transpose: unary(x => tf.transpose(x)),
  flatten: unary(x => x.flatten()),
  reverse: (xs, draw) => {
    const x = draw.pick(xs);
    return x.rank ? tf.reverse(x, axisOf(x, draw)) : undefined;
  },
  slice: (xs, draw) => {
    const x = draw.pick(xs);
    if (x.rank === 0) return undefined;
    const begin = x.shape.map(d => draw.whole(d));
    return tf.slice(x, begin, x.shape.map((d, i) => 1 + draw.whole(d - begin[i]))); // prettier-ignore
  },
  pad: (xs, draw) => {
    const x = draw.pick(xs);
    if (x.rank === 0) return undefined;
    return tf.pad(x, x.shape.map(() => [draw.whole(2), draw.whole(3)] as [number, number]), 0.5); // prettier-ignore
  },
  concat: (xs, draw) => {
    const x = draw.pick(xs);
    return x.rank ? tf.concat([x, tf.neg(x)], axisOf(x, draw)) : undefined;
  },
  tile: (xs, draw) => {
    const x = draw.pick(xs);
    if (x.rank === 0) return undefined;
    return tf.tile(x, x.shape.map(() => 1 + draw.whole(2))); // prettier-ignore
  },
  gather: (xs, draw) => {
    const x = draw.pick(xs);
    if (x.rank === 0) return undefined;
    const axis = axisOf(x, draw);
    const indices = [0, 1, 2].map(() => draw.whole(x.shape[axis]));
    return tf.gather(x, tf.tensor1d(indices, 'int32'), axis);
  },
  cumsum: (xs, draw) => {
    const x = draw.pick(xs);
    return x.rank ? tf.cumsum(x, axisOf(x, draw), draw.whole(2) === 1, draw.whole(2) === 1) : undefined;
  },
  matMul: (xs, draw) => {
    const x = draw.pick(xs);
    return x.rank === 2 ? tf.matMul(x, x, false, true).div(x.shape[1]!) : undefined;
  },
  maxPool: (xs, draw) => {
    const x = draw.pick(xs);
    return x.rank === 3 ? tf.maxPool(x as tf.Tensor3D, 2, 1 + draw.whole(2), 'same') : undefined;
  },
  conv2d: (xs, draw) => {
    const x = draw.pick(xs);
    if (x.rank !== 3) return undefined;
    const filter = tf.linspace(-1, 1, 9 * x.shape[2]! * 2).reshape([3, 3, x.shape[2]!, 2]) as tf.Tensor4D;
    return tf.conv2d(x as tf.Tensor3D, filter, 1 + draw.whole(2), 'same');
  },
  depthwiseConv2d: (xs, draw) => {
    const x = draw.pick(xs);
    if (x.rank !== 3) return undefined;
    const multiplier = 1 + draw.whole(2);
    const filter = tf.linspace(-1, 1, 9 * x.shape[2]! * multiplier);
    const shaped = filter.reshape([3, 3, x.shape[2]!, multiplier]) as tf.Tensor4D;
    return tf.depthwiseConv2d(x as tf.Tensor3D, shaped, 1 + draw.whole(2), 'same');
  },
  expandDims: (xs, draw) => {
    const x = draw.pick(xs);
    return x.rank < 4 ? tf.expandDims(x, draw.whole(x.rank + 1)) : tf.squeeze(x);
  },
};

/** A graph over the inputs: what it returns depends on the seed alone. */
function graph(seed: number, inputs: tf.Tensor[], log?: string[]): tf.Tensor[] {
  const random = generator(seed);
  const draw: Draw = {
    whole: below => Math.floor(random() * below),
    pick: from => from[Math.floor(random() * from.length)],
  };
  const xs = [...inputs];
  const length = 4 + draw.whole(12);
  for (let i = 0; i < length; i++) {
    const name = draw.pick(Object.keys(STEPS));
    const y = STEPS[name](xs, draw);
    if (!y || y.size > 5000) continue;
    log?.push(`${name} → [${y.shape}]`);
    xs.push(y);
  }
  return xs.slice(-4);
}

function inputs(seed: number): tf.Tensor[] {
  const random = generator(seed ^ 0x5bd1e995);
  const make = (shape: number[]): tf.Tensor =>
    tf.tensor(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() * 4 - 2),
      shape,
    );
  return [make([3, 4]), make([4]), make([5, 4, 3]), make([])];
}

const read = (ys: tf.Tensor[]): number[][] => ys.map(y => [...y.dataSync()]);

test.each(Array.from({ length: count }, (_, i) => first + i))('graph of seed %i', async seed => {
  const lazy = tf.tidy(() => read(graph(seed, inputs(seed))));
  const compiled = tf.tidy(() => read(jit((xs: tf.Tensor[]) => graph(seed, xs))(inputs(seed))));
  await tf.setBackend('cpu');
  const log: string[] = [];
  const expected = tf.tidy(() => read(graph(seed, inputs(seed), log)));
  await tf.setBackend('xla');
  for (const [way, actual] of [
    ['lazily', lazy],
    ['under jit', compiled],
  ] as const) {
    const wrong = expected.flatMap((values, k) =>
      values.flatMap((value, i) => {
        const other = actual[k][i];
        const close = Math.abs(value - other) <= 1e-3 + 1e-3 * Math.abs(value);
        return close || (Number.isNaN(value) && Number.isNaN(other)) || value === other
          ? []
          : [{ k, i, value, other }];
      }),
    );
    if (wrong.length > 0) {
      throw new Error(
        `XLA_FUZZ_SEED=${seed}, ${way}: ${JSON.stringify(wrong.slice(0, 3))}\n${log.join('\n')}`,
      );
    }
  }
});
