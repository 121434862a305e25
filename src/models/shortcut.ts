import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';

/** Arguments of ZeroPaddedShortcut. */
export interface ZeroPaddedShortcutArgs {
  name?: string;
  /** Channels of the output; at least those of the input. */
  filters: number;
  /** Keeps the pixels at multiples of this. */
  stride: number;
}

/**
 * Takes the pixels at rows and columns 0, stride, 2·stride …:
 * [batch, height, width, channels] → [batch, ⌈height/stride⌉, ⌈width/stride⌉, channels].
 *
 * tfjs's strided slice has no gradient. Here each axis is folded to [kept, stride] and the first of each `stride` is sliced
 * out, which every back end can do and differentiate, and which a compiler turns into one strided copy.
 */
export function subsample(x: tf.Tensor4D, stride: number): tf.Tensor4D {
  if (stride === 1) return x;
  return tf.tidy(() => {
    const [batch, height, width, depth] = x.shape;
    const rows = Math.ceil(height / stride);
    const columns = Math.ceil(width / stride);
    const uneven = rows * stride !== height || columns * stride !== width;
    const below = rows * stride - height;
    const right = columns * stride - width;
    const padded = uneven ? x.pad([[0, 0], [0, below], [0, right], [0, 0]]) : x; // prettier-ignore
    const keptRows = padded
      .reshape([batch * rows, stride, columns * stride * depth])
      .slice([0, 0, 0], [batch * rows, 1, columns * stride * depth]);
    const keptPixels = keptRows
      .reshape([batch * rows * columns, stride, depth])
      .slice([0, 0, 0], [batch * rows * columns, 1, depth]);
    return keptPixels.reshape([batch, rows, columns, depth]) as tf.Tensor4D;
  });
}

/**
 * Shortcut 'A' of He et al. 2016 (section 3.3): the identity where the shape changes, without parameters: pixels are
 * subsampled and the new channels, at the end, are zero.
 * [batch, height, width, channels] → [batch, ⌈height/stride⌉, ⌈width/stride⌉, filters]
 */
export class ZeroPaddedShortcut extends tf.layers.Layer {
  static readonly className = 'ZeroPaddedShortcut';
  readonly filters: number;
  readonly stride: number;

  constructor(args: ZeroPaddedShortcutArgs) {
    super(args as ConstructorParameters<typeof tf.layers.Layer>[0]);
    this.filters = args.filters;
    this.stride = args.stride;
  }

  /** @throws UserError when there are fewer filters than channels. */
  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const [batch, height, width, depth] = inputShape as tf.Shape;
    if (depth! > this.filters) {
      throw new UserError(
        `${this.name}: ${depth} channels can't be padded to ${this.filters}; give at least as many filters.`,
      );
    }
    const shrink = (size: number | null) => (size === null ? null : Math.ceil(size / this.stride));
    return [batch, shrink(height), shrink(width), this.filters];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D;
      const kept = subsample(x, this.stride);
      return kept.pad([[0, 0], [0, 0], [0, 0], [0, this.filters - x.shape[3]]]); // prettier-ignore
    });
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), filters: this.filters, stride: this.stride };
  }
}

tf.serialization.registerClass(ZeroPaddedShortcut);
