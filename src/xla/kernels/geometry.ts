/** Where windows lie: convolutions and pooling, over any number of spatial axes. */
import { type backend_util } from '@tensorflow/tfjs-core';

/** One spatial axis. `low` and `high` are the padding before and after; `high` may be negative (rows left over). */
export interface Axis {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly low: number;
}

/** Extent of the dilated kernel. */
export const extent = (a: Axis): number => (a.kernel - 1) * a.dilation + 1;

/** Padding of the forward pass that gives exactly `output` positions. */
export function forwardPadding(a: Axis): [number, number] {
  return [a.low, (a.output - 1) * a.stride + extent(a) - a.input - a.low];
}

/** Padding of the dilated gradient that gives back exactly `input` positions. */
export function inputGradientPadding(a: Axis): [number, number] {
  const low = extent(a) - 1 - a.low;
  return [low, a.input + extent(a) - 1 - low - ((a.output - 1) * a.stride + 1)];
}

/** The axes of tfjs's description of a 2-D convolution or pooling. */
export function axes2D(info: backend_util.Conv2DInfo): [Axis, Axis] {
  return [
    {
      input: info.inHeight,
      output: info.outHeight,
      kernel: info.filterHeight,
      stride: info.strideHeight,
      dilation: info.dilationHeight,
      low: info.padInfo.top,
    },
    {
      input: info.inWidth,
      output: info.outWidth,
      kernel: info.filterWidth,
      stride: info.strideWidth,
      dilation: info.dilationWidth,
      low: info.padInfo.left,
    },
  ];
}

/** The axes of tfjs's description of a 3-D convolution or pooling. */
export function axes3D(info: backend_util.Conv3DInfo): [Axis, Axis, Axis] {
  return [
    {
      input: info.inDepth,
      output: info.outDepth,
      kernel: info.filterDepth,
      stride: info.strideDepth,
      dilation: info.dilationDepth,
      low: info.padInfo.front,
    },
    {
      input: info.inHeight,
      output: info.outHeight,
      kernel: info.filterHeight,
      stride: info.strideHeight,
      dilation: info.dilationHeight,
      low: info.padInfo.top,
    },
    {
      input: info.inWidth,
      output: info.outWidth,
      kernel: info.filterWidth,
      stride: info.strideWidth,
      dilation: info.dilationWidth,
      low: info.padInfo.left,
    },
  ];
}
