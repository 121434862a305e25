/** Kernels called again without being lowered again: the same numbers, and programs told apart by all that they differ in. */
import * as tf from '@tensorflow/tfjs';
import { setPrecisionPolicy, useXla, xlaStats } from '../../src/xla';
import { attributesText } from '../../src/xla/deferred';
import * as hlo from '../../src/xla/hlo';
import { define } from '../../src/xla/kernels/define';

const lowerings: unknown[] = [];
define<{ by: number[] }>('TestShift', ({ x }, attrs) => {
  lowerings.push(attrs);
  return hlo.add(x, hlo.fill(attrs.by[0], x));
});
const shift = (x: tf.Tensor, by: number[]): tf.Tensor => tf.engine().runKernel('TestShift', { x }, { by });
const numbers = (t: tf.Tensor): number[] => [...t.dataSync()];

beforeAll(() => useXla());

test('a kernel is lowered to see its type and for the first program, then no more', () => {
  const x = tf.tensor1d([1, 2]);
  lowerings.length = 0;
  for (let i = 0; i < 5; i++) expect(numbers(shift(x, [3]))).toEqual([4, 5]);
  expect(lowerings.length).toBe(2);
  for (let i = 0; i < 5; i++) expect(numbers(shift(x, [4]))).toEqual([5, 6]);
  for (let i = 0; i < 5; i++) expect(numbers(shift(tf.ones([3]), [4]))).toEqual([5, 5, 5]);
  expect(lowerings.length).toBe(6);
});

test('attributes are those of the call, also if its caller changes them afterwards', () => {
  const by = [10];
  const [x, y] = [shift(tf.scalar(1), by), shift(tf.scalar(2), by)];
  by[0] = 20;
  const z = shift(tf.scalar(3), by);
  expect([x, y, z].map(t => numbers(t)[0])).toEqual([11, 12, 23]);
});

test('programs of the same kernels, wired differently, are different programs', () => {
  const [x, y] = [tf.tensor1d([1, 2]), tf.tensor1d([10, 20])];
  for (let i = 0; i < 3; i++) {
    expect(numbers(x.sub(y))).toEqual([-9, -18]);
    expect(numbers(y.sub(x))).toEqual([9, 18]);
    expect(numbers(x.sub(x))).toEqual([0, 0]);
    expect(numbers(x.sub(y).sub(x))).toEqual([-10, -20]);
    expect(numbers(x.sub(x.sub(y)))).toEqual([10, 20]);
    const [both, one] = tf.tidy(() => [x.sub(y).mul(x), x.sub(y)]);
    expect([numbers(both), numbers(one)]).toEqual([[-9, -36], [-9, -18]]); // prettier-ignore
  }
});

test('a program is found again: nothing is compiled, whatever the data', () => {
  const run = (seed: number) => {
    const x = tf.randomUniform([4, 6], -1, 1, 'float32', seed);
    return numbers(tf.tidy(() => x.reshape([2, 12]).softmax().sum(0).reshape([3, 4]).transpose()));
  };
  run(1);
  const { compiled } = xlaStats();
  for (let seed = 2; seed < 6; seed++) {
    const total = run(seed).reduce((a, b) => a + b);
    expect(total).toBeCloseTo(2, 5);
  }
  expect(xlaStats().compiled).toBe(compiled);
});

test('several results, lists of one, and results that are handed on', () => {
  for (let i = 0; i < 3; i++) {
    const x = tf.tensor2d([[1, 2, 3, 4]]);
    const [left, right] = tf.split(x.mul(2), 2, 1);
    expect([numbers(right), numbers(left)]).toEqual([[6, 8], [2, 4]]); // prettier-ignore
    expect(tf.unstack(x.mul(i)).map(numbers)).toEqual([[i, 2 * i, 3 * i, 4 * i]]);

    const { values, indices } = tf.topk(x.neg(), 2);
    expect([numbers(values), numbers(indices)]).toEqual([[-1, -2], [0, 1]]); // prettier-ignore
    expect(numbers(tf.cast(x, 'float32').add(tf.zerosLike(x)))).toEqual([1, 2, 3, 4]);
  }
});

test('what was computed between a call and its reading changes no program', () => {
  for (let i = 0; i < 4; i++) {
    const y = tf.tensor1d([i, 1, 2, 3]).add(1);
    const [part, moved] = [y.slice([1], [2]), tf.gather(y, tf.tensor1d([3], 'int32'))];
    expect(numbers(y)).toEqual([i + 1, 2, 3, 4]);
    expect(numbers(part)).toEqual([2, 3]);
    expect(numbers(moved)).toEqual([4]);
    expect(numbers(part.add(moved))).toEqual([6, 7]);
  }
});

test('the precision in force is part of a call', () => {
  const x = tf.fill([1, 1], 1 + 2 ** -12);
  const product = () => numbers(x.matMul(x))[0];
  const exact = product();
  setPrecisionPolicy('mixed_bfloat16');
  const rounded = product();
  const readLater = x.matMul(x).add(0);
  setPrecisionPolicy('float32');
  expect(rounded).toBe(1);
  expect(numbers(readLater)).toEqual([1]);
  expect(product()).toBe(exact);
  expect(exact).toBeGreaterThan(1);
});

test('indices that the host holds are checked at every call', () => {
  const x = tf.tensor1d([1, 2, 3]);
  const take = (index: number) => numbers(tf.gather(x, tf.tensor1d([index], 'int32')));
  expect([0, 2].map(take)).toEqual([[1], [3]]);
  expect(() => take(3)).toThrow('the index value 3 is not in [0, 2]');
});

test('an error in a lowering names its cause each time', () => {
  const [a, b] = [tf.ones([2, 3]), tf.ones([4, 5])];
  const product = () => tf.engine().runKernel('BatchMatMul', { a, b }, { transposeA: false, transposeB: false }); // prettier-ignore
  for (let i = 0; i < 2; i++) expect(product).toThrow();
});

test('attributes differ as text where they differ', () => {
  const values = [0, -0, 1, NaN, Infinity, -Infinity, '0', null, undefined, [0], [[0]], [-0], { a: 0 }, { b: 0 }, { a: [0] }, [], {}, true, 'true']; // prettier-ignore
  const texts = values.map(attributesText);
  expect(new Set(texts).size).toBe(values.length);
  expect(attributesText({ shape: [2, 3], value: -0 })).toBe('{shape:[2,3],value:-0}');
});
