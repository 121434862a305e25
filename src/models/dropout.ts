import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { statelessUniform } from '../xla/random';

/** Where the dropout layers take randomness from while `withDropoutSeed` runs. */
let source: { seed: tf.Tensor1D; calls: number } | undefined;

/**
 * Runs `fn` with the dropout masks of one training step fixed by `seed`: each dropout layer called inside draws its own mask
 * from it, so that a step that is traced once and run many times draws new masks by a new seed.
 * @param seed int32 [2]
 */
export function withDropoutSeed<T>(seed: tf.Tensor1D, fn: () => T): T {
  const outer = source;
  source = { seed, calls: 0 };
  try {
    return fn();
  } finally {
    source = outer;
  }
}

/** Uniform draws in [0, 1) of the given shape: by the step's seed, and which layer of the step this is, where there is one. */
function uniform(shape: number[]): tf.Tensor {
  if (!source) return tf.randomUniform(shape);
  source.calls += 1;
  const layer = tf.tensor1d([Math.imul(source.calls, 0x9e3779b9), 0], 'int32');
  return statelessUniform(shape, source.seed.add(layer) as tf.Tensor1D);
}

/** Arguments of Dropout. */
export interface DropoutArgs {
  name?: string;
  /** Share of the values set to zero, in [0, 1). */
  rate: number;
}

/**
 * Dropout (Srivastava et al. 2014), inverted: in training each value is zeroed with probability `rate` and the others are
 * divided by 1 − rate; at any other time it passes its input on. Shape in = shape out.
 *
 * tfjs's own layer draws its masks in JavaScript on the host, which a compiled step would keep as constants; this one draws
 * in the graph, by the seed of `withDropoutSeed`.
 */
export class Dropout extends tf.layers.Layer {
  static readonly className = 'SeededDropout';
  readonly rate: number;

  /** @throws UserError unless 0 ≤ rate < 1. */
  constructor(args: DropoutArgs) {
    super(args as ConstructorParameters<typeof tf.layers.Layer>[0]);
    this.rate = args.rate;
    if (!(this.rate >= 0 && this.rate < 1)) {
      throw new UserError(`dropout is ${this.rate}; give a share of at least 0 and less than 1.`);
    }
    this.supportsMasking = true;
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return inputShape as tf.Shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean } = {}): tf.Tensor {
    return tf.tidy(() => {
      const x = Array.isArray(inputs) ? inputs[0] : inputs;
      if (!kwargs.training || this.rate === 0) return x.clone();
      const kept = uniform(x.shape).greaterEqual(this.rate).cast('float32');
      return x.mul(kept).div(1 - this.rate);
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), rate: this.rate };
  }
}

tf.serialization.registerClass(Dropout);
