import * as tf from '@tensorflow/tfjs';
import { BatchNorm } from './batchNorm';
import { hashString, sfc32 } from './random';

/** Side of the first layer's patches in pixels, and the filters that whiten them: each eigenvector with both signs. */
export const PATCH = 2;
const WHITENING_FILTERS = 2 * 3 * PATCH ** 2;

/** What the logits are multiplied by (Jordan 2024, section 3.1: a temperature that suits the learning rate). */
const LOGIT_SCALE = 1 / 9;

/** Multiplies by a constant: [any shape] → the same shape. */
class Scale extends tf.layers.Layer {
  static readonly className = 'Scale';
  private readonly factor: number;

  constructor(args: { name?: string; factor: number }) {
    super(args as ConstructorParameters<typeof tf.layers.Layer>[0]);
    this.factor = args.factor;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => (Array.isArray(inputs) ? inputs[0] : inputs).mul(this.factor));
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), factor: this.factor };
  }
}
tf.serialization.registerClass(Scale);

/** Options of `airbench`. */
export interface AirbenchOptions {
  name?: string;
  /** Channels of the three blocks. Default: the paper's [64, 256, 256]. */
  filters?: readonly [number, number, number];
}

/**
 * The network of "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (Jordan 2024, 2404.00498, section 3.1): a 2×2 convolution that
 * whitens patches, three blocks of two 3×3 convolutions with BN and GELU, max-pooled, a linear layer.
 * Image [batch, 32, 32, 3] → logits [batch, 10].
 *
 * Its weights are of no use before `initialize` and the whitening filters are set (src/train/speedrun).
 */
export function airbench({
  name = 'airbench',
  filters = [64, 256, 256],
}: AirbenchOptions = {}): tf.LayersModel {
  const image = tf.input({ name: 'image', shape: [32, 32, 3] });
  const apply = (layer: tf.layers.Layer, x: tf.SymbolicTensor) => layer.apply(x) as tf.SymbolicTensor;
  const gelu = (at: string, x: tf.SymbolicTensor) =>
    apply(tf.layers.activation({ name: at, activation: 'gelu' }), x);
  const conv = (at: string, x: tf.SymbolicTensor, channels: number) =>
    apply(
      tf.layers.conv2d({
        name: at,
        filters: channels,
        kernelSize: 3,
        padding: 'same',
        useBias: false,
        kernelInitializer: 'zeros',
      }),
      x,
    );
  // The paper's has no γ: here it is 1 and the speedrun does not train it (tfjs can't leave it out).
  const norm = (at: string, x: tf.SymbolicTensor) =>
    apply(new BatchNorm({ name: at, momentum: 0.6, epsilon: 1e-12 }), x);

  const whitening = tf.layers.conv2d({
    name: 'whitening',
    filters: WHITENING_FILTERS,
    kernelSize: PATCH,
    padding: 'valid',
    kernelInitializer: 'zeros',
  });
  let x = gelu('whitening/gelu', apply(whitening, image)); // [batch, 31, 31, 24]
  filters.forEach((channels, i) => {
    const block = `block${i + 1}`;
    x = conv(`${block}/conv1`, x, channels);
    x = apply(tf.layers.maxPooling2d({ name: `${block}/pool`, poolSize: 2 }), x); // 31 → 15 → 7 → 3
    x = gelu(`${block}/gelu1`, norm(`${block}/bn1`, x));
    x = conv(`${block}/conv2`, x, channels);
    x = gelu(`${block}/gelu2`, norm(`${block}/bn2`, x));
  });
  x = apply(tf.layers.maxPooling2d({ name: 'head/pool', poolSize: 3 }), x); // [batch, 1, 1, channels]
  x = apply(tf.layers.flatten({ name: 'head/flatten' }), x);
  x = apply(tf.layers.dense({ name: 'logits', units: 10, useBias: false, kernelInitializer: 'zeros' }), x);
  x = apply(new Scale({ name: 'head/scale', factor: LOGIT_SCALE }), x);
  return tf.model({ inputs: image, outputs: x, name });
}

/**
 * Initial values of a weight of `airbench`, PyTorch's defaults with the author's changes: biases begin at zero, and the first filters of
 * each 3×3 convolution, as many as it has input channels, pass those channels on (section 3.3, "dirac").
 *
 * @param name as `modelWeights` has it; @param shape the weight's; @param seed fixes the draws
 * @returns row-major values; those of 'whitening/kernel' are to be replaced by filters computed from images
 */
export function airbenchInitial(name: string, shape: readonly number[], seed: number): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  if (/(beta|bias|moving_mean)$/.test(name)) return values;
  if (/(gamma|moving_variance)$/.test(name)) return values.fill(1);
  const next = sfc32(seed | 0, Math.floor(seed / 2 ** 32) | 0, hashString(name), 1);
  const fanIn = shape.slice(0, -1).reduce((product, size) => product * size, 1);
  for (let i = 0; i < values.length; i++) values[i] = ((2 * next()) / 2 ** 32 - 1) / Math.sqrt(fanIn);
  if (shape.length === 4 && shape[0] === 3) setDirac(values, shape[2], shape[3]);
  return values;
}

/** Kernel [3, 3, inputs, outputs]: output o < inputs is input o. */
function setDirac(kernel: Float32Array, inputs: number, outputs: number): void {
  const CENTER = 4; // of nine places
  for (let o = 0; o < Math.min(inputs, outputs); o++) {
    for (let place = 0; place < 9; place++) {
      for (let i = 0; i < inputs; i++) {
        kernel[(place * inputs + i) * outputs + o] = place === CENTER && i === o ? 1 : 0;
      }
    }
  }
}
