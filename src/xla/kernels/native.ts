/** Lowerings to the kernels of ../native: what they can compute, and how they are called. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type Handler } from '../native';
import { type Axis } from './geometry';

/** MOST_TAPS and CHANNELS of native/convolution.h. */
const MOST_TAPS = 256;
const CHANNELS = 16;

/**
 * Weights up to which the kernels are faster than XLA: they read all of them for each image, which a processor's cache must hold. The filter's
 * gradient is read and written.
 */
const MOST_WEIGHTS = 2 ** 19;
const MOST_GRADIENTS = 2 ** 18;

/** Which parts of a convolution with a kernel [kh, kw, ci, co] the kernels compute well. */
export interface NativeParts {
  /** What they compute with. */
  readonly dtype: 'f32' | 'bf16';
  readonly forward: boolean;
  readonly input: boolean;
  readonly filter: boolean;
  /** By Winograd's tiles of 4 × 4, where the engine uses those. */
  readonly winograd: boolean;
}

export function nativeParts(kernel: readonly number[], dtype: 'f32' | 'bf16' = 'f32'): NativeParts {
  const [rows, columns, inputs, outputs] = kernel;
  const weights = rows * columns * inputs * outputs;
  const bySixteens = (channels: number): boolean => channels % CHANNELS === 0;
  const fits = (channels: number, most: number): boolean =>
    rows * columns <= MOST_TAPS && bySixteens(channels) && (weights <= most || dtype === 'bf16');
  return {
    dtype,
    forward: fits(outputs, MOST_WEIGHTS),
    input: fits(inputs, MOST_WEIGHTS),
    filter: fits(outputs, MOST_GRADIENTS),
    winograd: dtype === 'f32' && bySixteens(inputs) && bySixteens(outputs),
  };
}

/** The array of that shape which a kernel makes. */
export const nativeCall = (
  target: Handler,
  operands: readonly Value[],
  shape: readonly number[],
  integers: Readonly<Record<string, readonly number[]>> = {},
  dtype: hlo.DType = 'f32',
): Value => hlo.foreignCall({ target, integers }, operands, [{ dtype, shape }]);

function convolution(
  target: Handler,
  operands: readonly Value[],
  shape: readonly number[],
  axes: readonly Axis[],
  dtype = operands[0].dtype,
): Value {
  const window = [...axes.map(a => a.stride), ...axes.map(a => a.dilation), ...axes.map(a => a.low)];
  return nativeCall(target, operands, shape, { window }, dtype);
}

/** y [n, rows, columns, co], of x's type, of x [n, h, w, ci] and an f32 kernel [kh, kw, ci, co], and maybe a bias [co]. */
export const nativeForward = (
  x: Value,
  w: Value,
  axes: readonly Axis[],
  bias: readonly Value[] = [],
): Value =>
  convolution(
    'convolution_forward',
    [x, w, ...bias],
    [x.shape[0], ...axes.map(a => a.output), w.shape[3]],
    axes,
  );

/** dx [n, h, w, ci] of dy [n, rows, columns, co] and the kernel, the same way. */
export const nativeInputGradient = (dy: Value, w: Value, axes: readonly Axis[]): Value =>
  convolution(
    'convolution_input_gradient',
    [dy, dy.dtype === 'f32' ? hlo.transpose(w, [0, 1, 3, 2]) : w],
    [dy.shape[0], ...axes.map(a => a.input), w.shape[2]],
    axes,
  );

/** dw [kh, kw, ci, co], f32, of x [n, h, w, ci] and dy [n, rows, columns, co]. */
export const nativeFilterGradient = (x: Value, dy: Value, axes: readonly Axis[]): Value =>
  convolution(
    'convolution_filter_gradient',
    [x, dy],
    [...axes.map(a => a.kernel), x.shape[3], dy.shape[3]],
    axes,
    'f32',
  );

/** Elements from which a sum is worth the call. */
const LARGE = 2 ** 14;

/** Whether `nativeChannelSums` and `nativeAffine` can take, and should, arrays like this one. */
export const sumsFit = ({ shape, size }: Value): boolean =>
  shape[shape.length - 1] % CHANNELS === 0 && size >= LARGE;

/**
 * (x − around)·factor + after, and + otherFactor·other: all f32 [channels], x and other of one shape and type, which is the result's.
 */
export function nativeAffine(
  x: Value,
  coefficients: readonly [around: Value, factor: Value, after: Value, otherFactor?: Value],
  other?: Value,
): Value {
  const rows = hlo.concatenate(
    coefficients.map(v => hlo.reshape(v!, [1, v!.size])),
    0,
  );
  const operands = other ? [x, rows, other] : [x, rows];
  return nativeCall('channel_affine', operands, x.shape, { relu: [0] }, x.dtype);
}

/** Σ a and Σ a·b over all axes but the last, in one reading, as f32; arrays of one shape and type. */
export function nativeChannelSums(a: Value, b: Value): [Value, Value] {
  const channels = a.shape[a.rank - 1];
  const sums = nativeCall('channel_sums', [a, b], [2, channels]);
  const row = (i: number) => hlo.reshape(hlo.slice(sums, [i, 0], [i + 1, channels]), [channels]);
  return [row(0), row(1)];
}
