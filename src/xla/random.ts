/**
 * Random numbers as pure functions of a seed, so that they can be part of a compiled program and be drawn again.
 *
 * The generator is Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"),
 * the one JAX uses: element i of a tensor is a function of the key (the seed, two int32) and the counter i alone.
 * All tfjs back ends give the same bits.
 */
import {
  type KernelBackend,
  type NumericDataType,
  type Tensor,
  type Tensor1D,
  type TensorInfo,
  add,
  cos,
  engine,
  getKernel,
  log,
  mul,
  neg,
  registerKernel,
  reshape,
  split,
  sqrt,
  tensor1d,
  tidy,
  util,
} from '@tensorflow/tfjs-core';
import { XlaError } from './errors';

/** Kernel name: inputs {seed: int32[2]}, attributes {shape}; output float32 in [0, 1) with 24 random bits each. */
export const THREEFRY = 'ThreefryUniform';

const ROTATIONS = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/** Threefry-2x32 over whatever can add, rotate and xor 32-bit words: numbers here, program values in the XLA kernel. */
export function threefry<T>(
  key: readonly [T, T],
  counter: readonly [T, T],
  word: { add(a: T, b: T): T; xor(a: T, b: T): T; rotate(a: T, by: number): T; constant(x: number): T },
): [T, T] {
  const keys = [key[0], key[1], word.xor(word.xor(key[0], key[1]), word.constant(0x1bd11bda))];
  let x0 = word.add(counter[0], keys[0]);
  let x1 = word.add(counter[1], keys[1]);
  for (let round = 0; round < 5; round++) {
    for (const by of ROTATIONS[round % 2]) {
      x0 = word.add(x0, x1);
      x1 = word.xor(word.rotate(x1, by), x0);
    }
    x0 = word.add(x0, keys[(round + 1) % 3]);
    x1 = word.add(word.add(x1, keys[(round + 2) % 3]), word.constant(round + 1));
  }
  return [x0, x1];
}

const words = {
  add: (a: number, b: number): number => (a + b) | 0,
  xor: (a: number, b: number): number => a ^ b,
  rotate: (a: number, by: number): number => (a << by) | (a >>> (32 - by)),
  constant: (x: number): number => x | 0,
};

/** Uniform numbers in [0, 1) on the host. */
function threefryUniform(seed: ArrayLike<number>, size: number): Float32Array {
  const out = new Float32Array(size);
  const half = Math.ceil(size / 2);
  for (let i = 0; i < half; i++) {
    const [a, b] = threefry([seed[0] | 0, seed[1] | 0], [i, half + i], words);
    out[i] = (a >>> 8) * 2 ** -24;
    if (half + i < size) out[half + i] = (b >>> 8) * 2 ** -24;
  }
  return out;
}

/** On back ends without a kernel of their own the numbers are drawn on the host. */
function ensureKernel(backendName: string): void {
  if (getKernel(THREEFRY, backendName)) return;
  registerKernel({
    kernelName: THREEFRY,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const shape = (attrs as unknown as { shape: number[] }).shape;
      const host = backend as KernelBackend;
      const seed = host.readSync(inputs.seed!.dataId) as Int32Array;
      const dataId = host.write(threefryUniform(seed, util.sizeFromShape(shape)), shape, 'float32');
      return { dataId, shape, dtype: 'float32' } as TensorInfo;
    },
  });
}

/**
 * Uniform float32 numbers in [min, max).
 * @param seed int32 [2]; the same seed and shape give the same numbers everywhere.
 */
export function statelessUniform(shape: readonly number[], seed: Tensor1D, min = 0, max = 1): Tensor {
  if (seed.dtype !== 'int32' || seed.shape.length !== 1 || seed.shape[0] !== 2) {
    throw new XlaError(`The seed must be an int32 tensor of shape [2], not ${seed.dtype} [${seed.shape}].`);
  }
  return tidy(() => {
    ensureKernel(engine().backendName);
    const u: Tensor = engine().runKernel(THREEFRY, { seed }, { shape: [...shape] });
    return min === 0 && max === 1 ? u : add(mul(u, max - min), min);
  });
}

/** Normal float32 numbers (Box–Muller over two uniform draws). */
export function statelessNormal(shape: readonly number[], seed: Tensor1D, mean = 0, std = 1): Tensor {
  return tidy(() => {
    const size = util.sizeFromShape([...shape]);
    const u = statelessUniform([2, size], seed);
    const [u1, u2] = split(u, 2, 0);
    // 1 − u lies in (0, 1]: its logarithm is finite.
    const radius = sqrt(mul(log(add(neg(u1), 1)), -2));
    const z = mul(radius, cos(mul(u2, 2 * Math.PI)));
    return add(mul(reshape(z, [...shape]), std), mean);
  });
}

/** A seed tensor from numbers, or from parts that are mixed (run seed, step, …): int32 [2]. */
export function seedTensor(a: number, b = 0): Tensor1D {
  return tensor1d([a | 0, b | 0], 'int32' as NumericDataType);
}
