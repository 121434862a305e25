import { UserError } from '../errors';
import { didYouMean } from '../similar';

/** How batch normalization behaves; shared by every such layer of a model. */
export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5 (PyTorch's; Keras uses 1e-3). */
  epsilon?: number;
  /** Share of the old moving average kept at each step. Default 0.9 (PyTorch's 0.1 from the other side; Keras uses 0.99). */
  momentum?: number;
}

/** Options that every model factory takes. */
export interface ModelOptions {
  /** The model's name. Default: that of the architecture. */
  name?: string;
  /** Number of classes, that is of logits. Default 10. */
  classes?: number;
  /** [height, width, channels] of an image. Default [32, 32, 3]. */
  inputShape?: [number, number, number];
  /** Batch normalization's epsilon and momentum. */
  batchNorm?: BatchNormOptions;
  /** Fixes the initial weights: equal seeds give equal models. Default: random. */
  seed?: number;
  /**
   * Adds tfjs's `l2(value)` regularizer (loss + value · Σw²) to the kernels of convolution and dense layers.
   * Default 0: weight decay is the trainer's.
   */
  l2?: number;
  /**
   * Where a 3×3 convolution of stride 2 pads its even-sized input: 'same' (TensorFlow's) below and on the right only, 'symmetric'
   * (Torch's) on each side. It matters for imported weights; trained from scratch, both are as good. Default 'same'.
   */
  padding?: 'same' | 'symmetric';
  /** 'zeros' skips the drawing of random weights where they will be replaced at once. Default 'heNormal'. */
  initializer?: 'heNormal' | 'zeros';
}

/** @throws UserError naming `option` unless `value` is a whole number of at least `least`. */
export function requireWhole(option: string, value: number, least = 1): void {
  if (!Number.isInteger(value) || value < least) {
    throw new UserError(`${option} is ${value}; give a whole number of at least ${least}.`);
  }
}

/** @throws UserError naming `option` unless `value` is one of `allowed`. */
export function requireOneOf<T extends string>(
  option: string,
  value: string,
  allowed: readonly T[],
): asserts value is T {
  if (!(allowed as readonly string[]).includes(value)) {
    throw new UserError(
      `${option} is '${value}'; give one of ${allowed.map(name => `'${name}'`).join(', ')}.`,
    );
  }
}

/** @throws UserError naming the first key of `options` that is not in `known`. */
export function requireKnownKeys(what: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      const meant = didYouMean(key, known);
      throw new UserError(`${what} has no option '${key}'${meant}; its options are ${known.join(', ')}.`);
    }
  }
}
