import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { BatchNorm } from './batchNorm';
import { heNormal } from './initializers';
import { type ModelOptions, requireOneOf, requireWhole } from './options';
import { Dropout } from './dropout';
import { GroupedConv2D } from './groupedConv';
import { ResidualAdd } from './residualAdd';
import { ZeroPaddedShortcut } from './shortcut';

/** What a convolution of a model may vary. Where the stride is 1 the output is as large as the input. */
export interface ConvOptions {
  filters: number;
  /** Side of the square kernel. */
  size: number;
  /** Default 1. */
  stride?: number;
  /** Default false. */
  bias?: boolean;
  /** Groups of channels that don't see one another (ResNeXt). Default 1. */
  groups?: number;
}

/** The keys of ModelOptions, for checks of what a caller passed. */
export const MODEL_OPTION_KEYS = [
  'name',
  'classes',
  'inputShape',
  'batchNorm',
  'seed',
  'l2',
  'padding',
  'initializer',
] as const satisfies readonly (keyof ModelOptions)[];

/**
 * Makes the layers of one model: each by a readable name ('stage1/block1/conv1'), with the initializer, regularizer and
 * batch-norm settings that the whole model shares. Feature maps are [batch, height, width, channels].
 */
export class Builder {
  /** The model's input, [batch, 32, 32, 3] unless `inputShape` says otherwise. */
  readonly image: tf.SymbolicTensor;
  private readonly classes: number;
  private readonly regularizer: ReturnType<typeof tf.regularizers.l2> | undefined;
  private readonly momentum: number;
  private readonly epsilon: number;

  /** @throws UserError when an option makes no sense. */
  constructor(private readonly options: ModelOptions) {
    this.classes = options.classes ?? 10;
    requireWhole('classes', this.classes);
    const shape = options.inputShape ?? [32, 32, 3];
    if (shape.length !== 3) throw new UserError(`inputShape is [${shape}]; give [height, width, channels].`);
    shape.forEach((size, axis) => requireWhole(`inputShape[${axis}]`, size));
    if (options.seed !== undefined) requireWhole('seed', options.seed, 0);
    this.momentum = options.batchNorm?.momentum ?? 0.9;
    this.epsilon = options.batchNorm?.epsilon ?? 1e-5;
    if (!(this.momentum >= 0 && this.momentum < 1)) {
      throw new UserError(`batchNorm.momentum is ${this.momentum}; give a number in [0, 1).`);
    }
    if (!(this.epsilon > 0))
      throw new UserError(`batchNorm.epsilon is ${this.epsilon}; give a positive number.`);
    requireOneOf('padding', options.padding ?? 'same', ['same', 'symmetric']);
    requireOneOf('initializer', options.initializer ?? 'heNormal', ['heNormal', 'zeros']);
    const l2 = options.l2 ?? 0;
    if (!(l2 >= 0)) throw new UserError(`l2 is ${l2}; give a number of at least 0.`);
    this.regularizer = l2 > 0 ? tf.regularizers.l2({ l2 }) : undefined;
    this.image = tf.input({ shape, name: 'image' });
  }

  /** A convolution, grouped when `groups` > 1. */
  conv(
    name: string,
    x: tf.SymbolicTensor,
    { filters, size, stride = 1, bias = false, groups = 1 }: ConvOptions,
  ) {
    let padding: 'same' | 'valid' = 'same';
    if (this.options.padding === 'symmetric' && stride > 1 && size > 1) {
      x = apply(tf.layers.zeroPadding2d({ name: `${name}/pad`, padding: (size - 1) / 2 }), x);
      padding = 'valid';
    }
    const shared = {
      name,
      padding,
      filters,
      kernelSize: size,
      strides: stride,
      kernelInitializer: this.initializer(name),
      kernelRegularizer: this.regularizer,
    };
    if (groups > 1) return apply(new GroupedConv2D({ ...shared, groups }), x);
    return apply(tf.layers.conv2d({ ...shared, useBias: bias }), x);
  }

  batchNorm(name: string, x: tf.SymbolicTensor) {
    return apply(new BatchNorm({ name, momentum: this.momentum, epsilon: this.epsilon }), x);
  }

  relu(name: string, x: tf.SymbolicTensor) {
    return apply(tf.layers.reLU({ name }), x);
  }

  add(name: string, x: tf.SymbolicTensor, y: tf.SymbolicTensor) {
    return new ResidualAdd({ name }).apply([x, y]) as tf.SymbolicTensor;
  }

  maxPool(name: string, x: tf.SymbolicTensor) {
    return apply(tf.layers.maxPooling2d({ name, poolSize: 2, strides: 2 }), x);
  }

  dropout(name: string, x: tf.SymbolicTensor, rate: number) {
    return apply(new Dropout({ name, rate }), x);
  }

  /** Shortcut 'A': every `stride`-th pixel, channels filled up to `filters` with zeros. */
  zeroPaddedShortcut(name: string, x: tf.SymbolicTensor, filters: number, stride: number) {
    return apply(new ZeroPaddedShortcut({ name, filters, stride }), x);
  }

  /** Global average pooling and the dense layer: [batch, height, width, channels] → logits [batch, classes]. */
  classify(x: tf.SymbolicTensor): tf.SymbolicTensor {
    const pooled = apply(tf.layers.globalAveragePooling2d({ name: 'pool' }), x);
    const dense = tf.layers.dense({
      name: 'logits',
      units: this.classes,
      kernelInitializer: this.initializer('logits'),
      kernelRegularizer: this.regularizer,
    });
    return apply(dense, pooled);
  }

  /** The finished model from the image to `logits`. */
  model(name: string, logits: tf.SymbolicTensor): tf.LayersModel {
    return tf.model({ inputs: this.image, outputs: logits, name: this.options.name ?? name });
  }

  private initializer(name: string) {
    return this.options.initializer === 'zeros' ? 'zeros' : heNormal(this.options.seed, name);
  }
}

function apply(layer: tf.layers.Layer, x: tf.SymbolicTensor): tf.SymbolicTensor {
  return layer.apply(x) as tf.SymbolicTensor;
}

/** Number of channels of a feature map [batch, height, width, channels]. */
export function channels(x: tf.SymbolicTensor): number {
  return x.shape[x.shape.length - 1] as number;
}
