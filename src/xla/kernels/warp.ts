/** Images resampled at computed coordinates: rotations and projective transforms. */
import { backend_util } from '@tensorflow/tfjs-core';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { like } from './broadcast';
import { type Lowering, define } from './define';
import { pixels } from './image';

type FillMode = 'constant' | 'reflect' | 'wrap' | 'nearest';

interface TransformAttrs {
  interpolation: 'nearest' | 'bilinear';
  fillMode: FillMode;
  fillValue: number;
  outputShape?: [number, number];
}

const plus = (x: Value, n: number): Value => hlo.add(x, like(x, n));
const times = (x: Value, n: number): Value => hlo.mul(x, like(x, n));
const below = (x: Value, n: number): Value => hlo.compare(x, like(x, n), 'LT');
/** Whole periods in a number that is not negative. */
const periods = (x: Value, n: number): Value => hlo.floor(hlo.div(x, like(x, n)));
const within = (x: Value, size: number): Value =>
  hlo.clamp(hlo.scalar(0, x.dtype), x, hlo.scalar(size - 1, x.dtype));

/** Coordinates outside an axis of this size, brought back into it as TensorFlow's ImageProjectiveTransformV3 does. */
function mapped(x: Value, size: number, mode: FillMode): Value {
  if (mode === 'constant') return x;
  if (mode === 'nearest' || size <= 1) return within(x, size);
  const inner = hlo.select(hlo.compare(x, like(x, size - 1), 'GT'), beyond(x, size, mode), x);
  return within(hlo.select(below(x, 0), before(x, size, mode), inner), size);
}

function before(x: Value, size: number, mode: 'reflect' | 'wrap'): Value {
  if (mode === 'wrap') return hlo.add(x, times(plus(periods(hlo.neg(x), size - 1), 1), size));
  const near = hlo.add(x, times(periods(hlo.neg(x), 2 * size), 2 * size));
  return hlo.select(below(near, -size), plus(near, 2 * size), plus(hlo.neg(near), -1));
}

function beyond(x: Value, size: number, mode: 'reflect' | 'wrap'): Value {
  if (mode === 'wrap') return hlo.sub(x, times(periods(x, size - 1), size));
  const near = hlo.sub(x, times(periods(x, 2 * size), 2 * size));
  return hlo.select(below(near, size), near, plus(hlo.neg(near), 2 * size - 1));
}

/** image[n, y, x, :] at the whole numbers ys, xs [n, h, w], as f32; `fillValue` outside. */
function read(image: Value, ys: Value, xs: Value, fillValue: number): Value {
  const [, height, width] = image.shape;
  const inside = [ys, xs].map((v, i) => {
    const last = like(v, [height, width][i] - 1);
    return hlo.and(hlo.compare(v, like(v, 0), 'GE'), hlo.compare(v, last, 'LE'));
  });
  const index = hlo.iota({ dtype: 's32', shape: ys.shape }, 0);
  const at = (v: Value, size: number): Value => hlo.convert(within(v, size), 's32');
  const values = pixels(image, index, at(ys, height), at(xs, width));
  const valid = hlo.broadcastInDim(hlo.and(inside[0], inside[1]), values.shape, [0, 1, 2]);
  return hlo.select(valid, values, like(values, fillValue));
}

function bilinear(image: Value, y: Value, x: Value, fillValue: number): Value {
  const [top, left] = [hlo.floor(y), hlo.floor(x)];
  const [down, across] = [hlo.sub(y, top), hlo.sub(x, left)];
  const weighted = (v: Value, weight: Value): Value =>
    hlo.mul(v, hlo.broadcastInDim(weight, v.shape, [0, 1, 2]));
  const mix = (a: Value, b: Value, share: Value): Value =>
    hlo.add(weighted(a, hlo.sub(like(share, 1), share)), weighted(b, share));
  const row = (ys: Value): Value =>
    mix(read(image, ys, left, fillValue), read(image, ys, plus(left, 1), fillValue), across);
  return mix(row(top), row(plus(top, 1)), down);
}

/** transforms [n or 1, 8]: output (x, y) is read at ((a₀x + a₁y + a₂) / k, (b₀x + b₁y + b₂) / k), k = c₀x + c₁y + 1. */
define<TransformAttrs>('Transform', ({ image, transforms }, attrs) => {
  const { interpolation, fillMode, fillValue } = attrs;
  const [n, height, width, channels] = image.shape;
  const shape = [n, ...(attrs.outputShape ?? [height, width])];
  const type: hlo.TensorType = { dtype: 'f32', shape };
  const [xs, ys] = [hlo.iota(type, 2), hlo.iota(type, 1)];
  const each = hlo.broadcastTo(hlo.convert(transforms, 'f32'), [n, 8]);
  const entry = (i: number): Value =>
    hlo.broadcastInDim(hlo.reshape(hlo.slice(each, [0, i], [n, i + 1]), [n]), shape, [0]);
  const row = (i: number, last: Value): Value =>
    hlo.add(hlo.add(hlo.mul(entry(i), xs), hlo.mul(entry(i + 1), ys)), last);
  const k = row(6, hlo.fill(1, type));
  const x = mapped(hlo.div(row(0, entry(2)), k), width, fillMode);
  const y = mapped(hlo.div(row(3, entry(5)), k), height, fillMode);
  // Halves round up, as Math.round does.
  const round = (v: Value): Value => hlo.floor(plus(v, 0.5));
  const values =
    interpolation === 'nearest'
      ? read(image, round(y), round(x), fillValue)
      : bilinear(image, y, x, fillValue);
  const outShape = [...shape, channels];
  const finite = hlo.broadcastInDim(hlo.compare(k, like(k, 0), 'NE'), outShape, [0, 1, 2]);
  return hlo.convert(hlo.select(finite, values, like(values, fillValue)), image.dtype);
});

interface RotateAttrs {
  radians: number;
  fillValue: number | [number, number, number];
  center: number | [number, number];
}

/** Which pixel each pixel of the rotated image is taken from, −1 where from outside. */
function rotatedFrom([height, width]: readonly number[], { radians, center }: RotateAttrs): Int32Array {
  const [centerX, centerY] = backend_util.getImageCenter(center, height, width);
  const [sin, cos] = [Math.sin(radians), Math.cos(radians)];
  return Int32Array.from({ length: height * width }, (_, i) => {
    const [x, y] = [(i % width) - centerX, Math.floor(i / width) - centerY];
    const fromX = Math.round(x * cos - y * sin + centerX);
    const fromY = Math.round(x * sin + y * cos + centerY);
    const inside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
    return inside ? fromY * width + fromX : -1;
  });
}

/** The angle is not part of the program: it comes as the pixels' origins. */
const rotate: Lowering<RotateAttrs> = ({ image }, attrs, { backend }) => {
  const [n, height, width, channels] = image.shape;
  const count = height * width;
  const from = backend.fromHost(rotatedFrom([height, width], attrs), [count], 's32');
  const flat = hlo.reshape(image, [n, count, channels]);
  const dims = { offsetDims: [0, 2], collapsedSliceDims: [1], startIndexMap: [1], indexVectorDim: 1 };
  const moved = hlo.gather(flat, from, dims, [n, 1, channels]);
  const { fillValue } = attrs;
  // A fourth channel is opacity.
  const fills = Array.from({ length: channels }, (_, c) =>
    typeof fillValue === 'number' ? fillValue : c === 3 ? 255 : fillValue[c],
  );
  const background = hlo.constant(fills, { dtype: image.dtype, shape: [channels] });
  const inside = hlo.compare(from, like(from, 0), 'GE');
  const rotated = hlo.select(
    hlo.broadcastInDim(inside, moved.shape, [1]),
    moved,
    hlo.broadcastInDim(background, moved.shape, [2]),
  );
  return hlo.reshape(rotated, image.shape);
};
define('RotateWithOffset', rotate, { atCall: rotate });
