import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { type Initializer } from './initializers';

type Regularizer = ReturnType<typeof tf.regularizers.l2>;

/** Arguments of GroupedConv2D; those of tfjs's conv2d that it knows, and `groups`. */
export interface GroupedConv2DArgs {
  name?: string;
  filters: number;
  /** Side of the square kernel. */
  kernelSize: number;
  /** Default 1. */
  strides?: number;
  /** Default 'same'. */
  padding?: 'same' | 'valid';
  groups: number;
  kernelInitializer?: Parameters<typeof tf.layers.conv2d>[0]['kernelInitializer'];
  kernelRegularizer?: Parameters<typeof tf.layers.conv2d>[0]['kernelRegularizer'];
}

/**
 * Convolution in groups of channels: output group g sees input group g only.
 *
 * A back end that registers kernels named GroupedConv2D ({x, filter}), GroupedConv2DBackpropInput ({dy, filter}) and
 * GroupedConv2DBackpropFilter ({x, dy}), each with attributes {strides, pad, groups, inputShape | filterShape}, gets one
 * call; any other gets `groups` plain convolutions between a split and a concatenation.
 *
 * @param x [batch, height, width, channels]
 * @param filter [size, size, channels / groups, filters]; filters of one group lie side by side.
 * @returns [batch, ⌈height/stride⌉, ⌈width/stride⌉, filters] with 'same' padding
 */
export function groupedConv2d(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  stride: number,
  groups: number,
  pad: 'same' | 'valid' = 'same',
): tf.Tensor4D {
  if (tf.getKernel('GroupedConv2D', tf.getBackend())) {
    return oneKernel(x, filter, { strides: [stride, stride], pad, groups });
  }
  return tf.tidy(() => {
    const inputs = tf.split(x, groups, 3) as tf.Tensor4D[];
    const filters = tf.split(filter, groups, 3) as tf.Tensor4D[];
    return tf.concat(
      inputs.map((input, group) => tf.conv2d(input, filters[group], stride, pad)),
      3,
    );
  });
}

interface ConvAttributes extends tf.NamedAttrMap {
  strides: number[];
  pad: string;
  groups: number;
}

function oneKernel(x: tf.Tensor4D, filter: tf.Tensor4D, attributes: ConvAttributes): tf.Tensor4D {
  const engine = tf.engine();
  const inputShape = x.shape;
  const filterShape = filter.shape;
  const convolve = tf.customGrad((...args) => {
    const [input, kernel, save] = args as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([input, kernel]);
    const value = engine.runKernel<tf.Tensor>('GroupedConv2D', { x: input, filter: kernel }, attributes);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => [
      engine.runKernel<tf.Tensor>(
        'GroupedConv2DBackpropInput',
        { dy, filter: saved[1] },
        { ...attributes, inputShape },
      ),
      engine.runKernel<tf.Tensor>(
        'GroupedConv2DBackpropFilter',
        { x: saved[0], dy },
        { ...attributes, filterShape },
      ),
    ];
    return { value, gradFunc };
  });
  return convolve(x, filter) as tf.Tensor4D;
}

/**
 * Grouped convolution without bias, as ResNeXt uses it (Xie et al. 2017, figure 3c).
 * [batch, height, width, channels] → [batch, ⌈height/strides⌉, ⌈width/strides⌉, filters]; kernel
 * [kernelSize, kernelSize, channels / groups, filters].
 * `portableModel` (src/weights) rewrites it to layers that plain tfjs knows.
 */
export class GroupedConv2D extends tf.layers.Layer {
  static readonly className = 'GroupedConv2D';
  readonly filters: number;
  readonly kernelSize: number;
  readonly strides: number;
  readonly padding: 'same' | 'valid';
  readonly groups: number;
  private kernel: tf.LayerVariable | undefined;
  private readonly initializer: Initializer;
  private readonly regularizer: Regularizer | undefined;
  private readonly serialized: tf.serialization.ConfigDict;

  /** @throws UserError unless `groups` divides `filters`. */
  constructor(args: GroupedConv2DArgs) {
    super(args as ConstructorParameters<typeof tf.layers.Layer>[0]);
    this.filters = args.filters;
    this.kernelSize = args.kernelSize;
    this.strides = args.strides ?? 1;
    this.padding = args.padding ?? 'same';
    this.groups = args.groups;
    if (this.filters % this.groups !== 0) {
      throw new UserError(
        `${this.name}: ${this.groups} groups don't divide ${this.filters} filters; change one of them.`,
      );
    }
    // tfjs keeps its parsers of initializers and regularizers to itself: a plain convolution parses and serializes ours
    const { filters, kernelSize, kernelInitializer, kernelRegularizer } = args;
    const parser = tf.layers.conv2d({ filters, kernelSize, kernelInitializer, kernelRegularizer });
    const parsed = parser as unknown as { kernelInitializer: Initializer; kernelRegularizer?: Regularizer };
    this.initializer = parsed.kernelInitializer;
    this.regularizer = parsed.kernelRegularizer ?? undefined;
    const config = parser.getConfig();
    this.serialized = {
      kernelInitializer: config['kernelInitializer'],
      kernelRegularizer: config['kernelRegularizer'],
    };
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const depth = (inputShape as tf.Shape)[3]!;
    if (depth % this.groups !== 0) {
      throw new UserError(
        `${this.name}: ${this.groups} groups don't divide ${depth} channels; change one of them.`,
      );
    }
    const shape = [this.kernelSize, this.kernelSize, depth / this.groups, this.filters];
    this.kernel = this.addWeight('kernel', shape, 'float32', this.initializer, this.regularizer, true);
    super.build(inputShape);
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const [batch, height, width] = inputShape as tf.Shape;
    const lost = this.padding === 'valid' ? this.kernelSize - 1 : 0;
    const shrink = (size: number | null) => (size === null ? null : Math.ceil((size - lost) / this.strides));
    return [batch, shrink(height), shrink(width), this.filters];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const x = (Array.isArray(inputs) ? inputs[0] : inputs) as tf.Tensor4D;
    return groupedConv2d(x, this.kernel!.read() as tf.Tensor4D, this.strides, this.groups, this.padding);
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { filters, kernelSize, strides, padding, groups } = this;
    return { ...super.getConfig(), filters, kernelSize, strides, padding, groups, ...this.serialized };
  }
}

tf.serialization.registerClass(GroupedConv2D);
