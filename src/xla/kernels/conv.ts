/** Convolutions and their gradients, each one StableHLO convolution. */
import { backend_util } from '@tensorflow/tfjs-core';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type ActivationAttrs, epilogue } from './activation';
import { toFloat } from './broadcast';
import { type Context, type Inputs, define } from './define';
import { depthwise, depthwiseFilter, depthwiseInput, filterTapsFit, tapsFit } from './depthwise';
import { filterProducts, productsFit } from './filterProducts';
import { type Axis, axes2D, axes3D, forwardPadding, inputGradientPadding } from './geometry';
import {
  type NativeParts,
  nativeFilterGradient,
  nativeForward,
  nativeInputGradient,
  nativeParts,
} from './native';
import { factor, precisionPolicy, productPrecision } from './precision';
import {
  type Costs,
  type WinogradOptions,
  filterCosts,
  forwardCosts,
  winograd,
  winogradFilter,
  winogradTile,
} from './winograd';

/** Axis letters of activations (`lhs`) and kernels (`rhs`), see `hlo.convolution`. */
interface Layout {
  readonly data: string;
  readonly kernel: string;
}

export interface Convolution {
  readonly axes: readonly Axis[];
  readonly layout: Layout;
  /** Channel groups: each sees only its share of the input channels. */
  readonly groups: number;
  /** Groups are convolved one by one: XLA's CPU compiler has only scalar loops for grouped convolutions. */
  readonly separate?: boolean;
  /** The padding is an operation of its own, see `padded`. */
  readonly padFirst?: boolean;
  /** The filter gradient is computed by matrix products. */
  readonly products?: boolean;
  /** Side of Winograd's tiles, by which the output and the input's gradient are computed. */
  readonly winograd?: number;
  /** The same for the filter's gradient. */
  readonly winogradFilter?: number;
  /** What our own kernels compute. */
  readonly native?: NativeParts;
}

/**
 * The operand with zeros around it and between its elements. XLA's CPU compiler has only scalar loops for convolutions whose
 * kernel is larger than the image (a 3×3 kernel on VGG's last 2×2 images), fifty times slower than on the padded image. The
 * barrier keeps it from folding the padding back.
 */
function padded(x: Value, padding: readonly [number, number][], strides: readonly number[], c: Convolution) {
  const low = x.shape.map(() => 0);
  const [high, interior] = [[...low], [...low]];
  padding.forEach(([before, after], i) => {
    const axis = c.layout.data.indexOf(String(i));
    [low[axis], high[axis], interior[axis]] = [before, after, strides[i] - 1];
  });
  return hlo.barrier(hlo.pad(x, hlo.scalar(0, x.dtype), low, high, interior));
}

const swap = (letters: string, a: string, b: string): string =>
  [...letters].map(l => (l === a ? b : l === b ? a : l)).join('');

type Product = (a: Value, b: Value, c: Convolution) => Value;

/** A product of each group by itself; `axes`: where the operands are split and the results joined. */
function byGroup(product: Product, a: Value, b: Value, c: Convolution, axes: readonly number[]): Value {
  const bs = hlo.split(b, c.groups, axes[1]);
  const parts = hlo
    .split(a, c.groups, axes[0])
    .map((part, i) => product(part, bs[i], { ...c, groups: 1, separate: false }));
  return hlo.concatenate(parts, axes[2]);
}

/** The axis of the channels in activations, that of the outputs in kernels. */
const channelsOf = ({ layout }: Convolution): number => layout.data.indexOf('f');
const outputsOf = ({ layout }: Convolution): number => layout.kernel.indexOf('o');

/** The factor as the policy rounds it, to be computed with in f32. */
const wideFactor = (x: Value): Value => hlo.convert(factor(x), 'f32');
/** Operands of our own kernels. Those for bf16 round the weights themselves. */
const nativeFactor = (x: Value, parts: NativeParts): Value => hlo.convert(factor(x), parts.dtype);
const nativeKernel = (w: Value, parts: NativeParts): Value =>
  parts.dtype === 'f32' ? wideFactor(w) : hlo.convert(w, 'f32');

/** Whether our own kernel computes with tiles of that side. */
const nativeWinograd = (tile: number, { native }: Convolution): boolean =>
  tile === 4 && native?.winograd === true;

/** Winograd's filtering, whose transforms need f32; the result is of the policy's type. */
function filtered(tile: number, x: Value, w: Value, options: WinogradOptions): Value {
  return hlo.convert(winograd(tile, wideFactor(x), wideFactor(w), options), factor(x).dtype);
}

/** Whether our own kernels compute y, and add a bias to it. */
const nativeForwardFits = (c: Convolution): boolean =>
  !c.separate && (c.winograd ? nativeWinograd(c.winograd, c) : c.native?.forward === true);

/**
 * y = x * w.
 * @param bias f32 [outputs], to be added, where `nativeForwardFits`
 */
export function forward(x: Value, w: Value, c: Convolution, bias: readonly Value[] = []): Value {
  if (c.separate) return byGroup(forward, x, w, c, [channelsOf(c), outputsOf(c), channelsOf(c)]);
  if (c.native?.forward && !c.winograd) {
    const y = nativeForward(nativeFactor(x, c.native), nativeKernel(w, c.native), c.axes, bias);
    return hlo.convert(y, factor(x).dtype);
  }
  // Rows left over at the end are left to the window: for negative padding XLA would copy all others.
  const padding = c.axes.map(forwardPadding).map(([low, high]): [number, number] => [low, Math.max(0, high)]);
  if (c.winograd) {
    const low = padding.map(([before]) => before);
    const output = c.axes.map(a => a.output);
    return filtered(c.winograd, x, w, { low, output, native: nativeWinograd(c.winograd, c), bias });
  }
  const ones = c.axes.map(() => 1);
  const image = c.padFirst ? padded(factor(x), padding, ones, c) : factor(x);
  return hlo.convolution(image, factor(w), {
    layout: { lhs: c.layout.data, rhs: c.layout.kernel, out: c.layout.data },
    strides: c.axes.map(a => a.stride),
    padding: c.padFirst ? padding.map(() => [0, 0]) : padding,
    rhsDilation: c.axes.map(a => a.dilation),
    featureGroups: c.groups,
    precision: productPrecision(),
  });
}

/**
 * dL/dx: the dilated gradient convolved with the reversed kernel, input and output channels swapped. The kernel is
 * reversed by an operation of its own: XLA's CPU compiler turns `window_reversal` into scalar loops, 30 times slower.
 */
export function inputGradient(dy: Value, w: Value, c: Convolution): Value {
  if (c.separate) return byGroup(inputGradient, dy, w, c, [channelsOf(c), outputsOf(c), channelsOf(c)]);
  if (c.native?.input && !c.winograd)
    return hlo.convert(
      nativeInputGradient(nativeFactor(dy, c.native), nativeKernel(w, c.native), c.axes),
      factor(dy).dtype,
    );
  const spatial = c.axes.map((_, i) => i);
  const padding = c.axes.map(inputGradientPadding);
  const strides = c.axes.map(a => a.stride);
  if (c.winograd) {
    const native = nativeWinograd(c.winograd, c);
    const options = {
      low: padding.map(([low]) => low),
      output: c.axes.map(a => a.input),
      reversed: true,
      native,
    };
    return filtered(c.winograd, dy, w, options);
  }
  const image = c.padFirst ? padded(factor(dy), padding, strides, c) : factor(dy);
  return hlo.convolution(image, hlo.reverse(factor(groupedTranspose(w, c)), spatial), {
    layout: { lhs: c.layout.data, rhs: swap(c.layout.kernel, 'i', 'o'), out: c.layout.data },
    strides: c.axes.map(() => 1),
    padding: c.padFirst ? padding.map(() => [0, 0]) : padding,
    lhsDilation: c.padFirst ? strides.map(() => 1) : strides,
    rhsDilation: c.axes.map(a => a.dilation),
    featureGroups: c.groups,
    precision: productPrecision(),
  });
}

/** Kernel […, in/g, out] → […, in, out/g] so that each group's input channels become its outputs. */
function groupedTranspose(w: Value, { groups }: Convolution): Value {
  if (groups === 1) return w;
  const spatial = w.shape.slice(0, -2);
  const [i, o] = w.shape.slice(-2);
  const n = spatial.length;
  const split = hlo.reshape(w, [...spatial, i, groups, o / groups]);
  const perm = [...spatial.map((_, k) => k), n + 1, n, n + 2];
  return hlo.reshape(hlo.transpose(split, perm), [...spatial, i * groups, o / groups]);
}

/** dL/dw: the input convolved with the gradient, batch and channels swapped. */
export function filterGradient(x: Value, dy: Value, c: Convolution): Value {
  if (c.separate) return byGroup(filterGradient, x, dy, c, [channelsOf(c), channelsOf(c), outputsOf(c)]);
  if (c.native?.filter && !c.winogradFilter)
    return nativeFilterGradient(nativeFactor(x, c.native), nativeFactor(dy, c.native), c.axes);
  if (c.winogradFilter) {
    const native = nativeWinograd(c.winogradFilter, c);
    return winogradFilter(c.winogradFilter, wideFactor(x), wideFactor(dy), c.axes, native);
  }
  if (c.products) return filterProducts(factor(x), factor(dy), c.axes);
  const gradient = hlo.convolution(factor(x), factor(dy), {
    layout: {
      lhs: swap(c.layout.data, 'b', 'f'),
      rhs: swap(swap(c.layout.data, 'b', 'i'), 'f', 'o'),
      out: swap(swap(c.layout.kernel, 'i', 'b'), 'o', 'f'),
    },
    strides: c.axes.map(a => a.dilation),
    padding: c.axes.map(a => [a.low, filterHigh(a)]),
    rhsDilation: c.axes.map(a => a.stride),
    batchGroups: c.groups,
    precision: productPrecision(),
  });
  return hlo.convert(gradient, 'f32');
}

/** Padding after the input that gives exactly `kernel` positions. */
function filterHigh(a: Axis): number {
  return (a.kernel - 1) * a.dilation + (a.output - 1) * a.stride + 1 - a.input - a.low;
}

// ---------------------------------------------------------------- 2-D kernels

type Pad = 'valid' | 'same' | number | backend_util.ExplicitPadding;

export interface Conv2DAttrs extends ActivationAttrs {
  strides: [number, number] | number;
  pad: Pad;
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: [number, number] | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  groups?: number;
}

type Shape4 = [number, number, number, number];

/** Where the windows of a (grouped) 2-D convolution lie; `w` is [h, w, in/groups, out]. */
export function convolution2D(
  x: readonly number[],
  w: readonly number[],
  attrs: Conv2DAttrs,
  { platform, native }: Context,
): Convolution {
  const format = attrs.dataFormat ?? 'NHWC';
  const groups = attrs.groups ?? 1;
  const info = backend_util.computeConv2DInfo(
    x as Shape4,
    [w[0], w[1], w[2] * groups, w[3]],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    false,
    backend_util.convertConv2DDataFormat(format),
  );
  const axes = axes2D(info);
  const layout = { data: format === 'NHWC' ? 'b01f' : 'bf01', kernel: '01io' };
  if (platform !== 'cpu') return { axes, layout, groups };
  const separate = groups > 1 && w[2] > 1;
  const plain = format === 'NHWC' && (groups === 1 || separate);
  const smallerThan = (kernels: number) => axes.some(a => Math.min(a.input, a.output) < kernels * a.kernel);
  const shape = {
    axes,
    layout,
    groups,
    separate,
    padFirst: smallerThan(1),
    products: plain && productsFit(axes),
  };
  if (!plain) return shape;
  const bf16 = precisionPolicy() === 'mixed_bfloat16' && native.includes('bf16');
  const parts = native.includes('f32')
    ? nativeParts([w[0], w[1], w[2], w[3] / groups], bf16 ? 'bf16' : 'f32')
    : undefined;
  const tile = (costs: Costs, better = false) =>
    bf16 && better ? undefined : winogradTile(x[0], axes, [w[2], w[3] / groups], costs);
  return {
    ...shape,
    winograd: tile(forwardCosts(smallerThan(2), parts), parts?.forward),
    winogradFilter: tile(filterCosts(parts), parts?.filter),
    native: parts,
  };
}

const channelAxis = (attrs: Conv2DAttrs): number => (attrs.dataFormat === 'NCHW' ? 1 : 3);

/** A convolution's result, with the bias and the activation that `inputs` and `attrs` ask for, of its own type. */
const activated = (y: Value, inputs: Inputs, attrs: Conv2DAttrs): Value =>
  hlo.convert(epilogue(y, inputs, attrs, channelAxis(attrs)), y.dtype);

for (const name of ['Conv2D', 'GroupedConv2D', 'FusedConv2D']) {
  define<Conv2DAttrs>(name, (inputs, attrs, context) => {
    const { x, filter, bias, ...others } = inputs;
    const c = convolution2D(x.shape, filter.shape, attrs, context);
    const own =
      bias?.dtype === 'f32' && String(bias.shape) === String(filter.shape[3]) && nativeForwardFits(c);
    if (own) return activated(forward(x, filter, c, [bias]), others, attrs);
    // cuDNN's convolutions in bf16 add a bias of that type.
    const given = bias && context.platform !== 'cpu' ? { ...inputs, bias: factor(bias) } : inputs;
    return activated(forward(x, filter, c), given, attrs);
  });
}

for (const name of ['Conv2DBackpropInput', 'GroupedConv2DBackpropInput']) {
  define<Conv2DAttrs & { inputShape: number[] }>(name, ({ dy, filter }, attrs, context) =>
    inputGradient(
      toFloat(dy),
      toFloat(filter),
      convolution2D(attrs.inputShape, filter.shape, attrs, context),
    ),
  );
}

for (const name of ['Conv2DBackpropFilter', 'GroupedConv2DBackpropFilter']) {
  define<Conv2DAttrs & { filterShape: number[] }>(name, ({ x, dy }, attrs, context) =>
    filterGradient(x, dy, convolution2D(x.shape, attrs.filterShape, attrs, context)),
  );
}

// ---------------------------------------------------------------- depthwise: as many groups as channels

/** Kernel [h, w, channels, multiplier] → [h, w, 1, channels·multiplier]. */
function flatten(w: Value): Value {
  const [h, width, channels, multiplier] = w.shape;
  return hlo.reshape(w, [h, width, 1, channels * multiplier]);
}

function grouped(
  x: readonly number[],
  filter: readonly number[],
  attrs: Conv2DAttrs,
  context: Context,
): Convolution {
  const [h, w, channels, multiplier] = filter;
  return convolution2D(x, [h, w, 1, channels * multiplier], { ...attrs, groups: channels }, context);
}

/** Whether a depthwise convolution is computed tap by tap, where the taps are few. */
const byTaps = ({ axes }: Convolution, attrs: Conv2DAttrs, { platform }: Context): boolean =>
  platform === 'cpu' &&
  tapsFit(axes) &&
  (attrs.dataFormat ?? 'NHWC') === 'NHWC' &&
  precisionPolicy() !== 'mixed_bfloat16';

for (const name of ['DepthwiseConv2dNative', 'FusedDepthwiseConv2D']) {
  define<Conv2DAttrs>(name, (inputs, attrs, context) => {
    const { x, filter } = inputs;
    const c = grouped(x.shape, filter.shape, attrs, context);
    const y = byTaps(c, attrs, context) ? depthwise(x, filter, c.axes) : forward(x, flatten(filter), c);
    return activated(y, inputs, attrs);
  });
}
define<Conv2DAttrs & { inputShape: number[] }>(
  'DepthwiseConv2dNativeBackpropInput',
  ({ dy, filter }, attrs, context) => {
    const c = grouped(attrs.inputShape, filter.shape, attrs, context);
    return byTaps(c, attrs, context)
      ? depthwiseInput(dy, filter, c.axes)
      : inputGradient(dy, flatten(filter), c);
  },
);
define<Conv2DAttrs & { filterShape: number[] }>(
  'DepthwiseConv2dNativeBackpropFilter',
  ({ x, dy }, attrs, context) => {
    const c = grouped(x.shape, attrs.filterShape, attrs, context);
    if (byTaps(c, attrs, context) && filterTapsFit(c.axes, attrs.filterShape[3]))
      return depthwiseFilter(x, dy, c.axes);
    return hlo.reshape(filterGradient(x, dy, c), attrs.filterShape);
  },
);

// ---------------------------------------------------------------- 3-D kernels

interface Conv3DAttrs {
  strides: [number, number, number] | number;
  pad: 'valid' | 'same';
  dataFormat?: 'NDHWC' | 'NCDHW';
  dilations?: [number, number, number] | number;
}

type Shape5 = [number, number, number, number, number];

function convolution3D(x: readonly number[], w: readonly number[], attrs: Conv3DAttrs): Convolution {
  const info = backend_util.computeConv3DInfo(
    x as Shape5,
    w as Shape5,
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
  );
  return { axes: axes3D(info), layout: { data: 'b012f', kernel: '012io' }, groups: 1 };
}

define<Conv3DAttrs>('Conv3D', ({ x, filter }, attrs) => {
  const y = forward(toFloat(x), toFloat(filter), convolution3D(x.shape, filter.shape, attrs));
  return hlo.isFloat(x.dtype) ? y : hlo.convert(y, 's32');
});
define<Conv3DAttrs & { inputShape: number[] }>('Conv3DBackpropInputV2', ({ dy, filter }, attrs) =>
  inputGradient(dy, filter, convolution3D(attrs.inputShape, filter.shape, attrs)),
);
define<Conv3DAttrs & { filterShape: number[] }>('Conv3DBackpropFilterV2', ({ x, dy }, attrs) =>
  filterGradient(x, dy, convolution3D(x.shape, attrs.filterShape, attrs)),
);
