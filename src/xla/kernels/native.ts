/** Convolutions by the kernels of ../native: which ones can be, and how they are called. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type Handler } from '../native';
import { type Axis } from './geometry';

/** MOST_TAPS and CHANNELS of native/convolution.h. */
const MOST_TAPS = 256;
const CHANNELS = 16;

/** Whether the kernels compute a convolution whose result (y, dx or dw) has so many channels. */
export const nativeFits = (axes: readonly Axis[], channels: number): boolean =>
  channels % CHANNELS === 0 && axes.reduce((taps, a) => taps * a.kernel, 1) <= MOST_TAPS;

function call(
  target: Handler,
  operands: readonly Value[],
  shape: readonly number[],
  axes: readonly Axis[],
): Value {
  const window = [...axes.map(a => a.stride), ...axes.map(a => a.dilation), ...axes.map(a => a.low)];
  return hlo.foreignCall(target, operands, { dtype: 'f32', shape }, { window });
}

/** y [n, rows, columns, co] of x [n, h, w, ci] and a kernel [kh, kw, ci, co]. */
export const nativeForward = (x: Value, w: Value, axes: readonly Axis[]): Value =>
  call('convolution_forward', [x, w], [x.shape[0], ...axes.map(a => a.output), w.shape[3]], axes);

/** dx [n, h, w, ci] of dy [n, rows, columns, co] and the kernel. */
export const nativeInputGradient = (dy: Value, w: Value, axes: readonly Axis[]): Value =>
  call(
    'convolution_input_gradient',
    [dy, hlo.transpose(w, [0, 1, 3, 2])],
    [dy.shape[0], ...axes.map(a => a.input), w.shape[2]],
    axes,
  );

/** dw [kh, kw, ci, co] of x [n, h, w, ci] and dy [n, rows, columns, co]. */
export const nativeFilterGradient = (x: Value, dy: Value, axes: readonly Axis[]): Value =>
  call(
    'convolution_filter_gradient',
    [x, dy],
    [...axes.map(a => a.kernel), x.shape[3], dy.shape[3]],
    axes,
  );
