/**
 * The standard CIFAR augmentation (He et al., 1512.03385, section 4.2) as tensor operations: 4 pixels of padding,
 * a random 32 × 32 crop, a random horizontal flip. It runs on every back end, and inside a compiled training step.
 */
import * as tf from '@tensorflow/tfjs';
import { statelessUniform } from '../xla/random';
import { IMAGE_SIZE, MEAN, STD } from './format';

/** Pixels of padding on each side before the crop. */
export const PADDING = 4;

/** Stands for "outside the image" between the crop and the normalization; pixels are 0…255. */
const OUTSIDE = -1;

/**
 * Pixels 0…255 → zero mean and (about) unit deviation by channel: `(x / 255 − mean) / std`.
 *
 * @param images `[batch, height, width, 3]`, any numeric dtype
 * @param mean by channel, as `deviation`; those of the recipes unless given
 * @returns the same shape, float32
 */
export function normalize(
  images: tf.Tensor4D,
  mean: readonly number[] = MEAN,
  deviation: readonly number[] = STD,
): tf.Tensor4D {
  return tf.tidy(() => {
    const scale = tf.tensor1d(deviation.map(std => 1 / (255 * std)));
    const shift = tf.tensor1d(deviation.map((std, c) => -mean[c] / std));
    return images.toFloat().mul(scale).add(shift) as tf.Tensor4D;
  });
}

/**
 * Cuts 32 × 32 pixels out of each image, shifted and flipped by given amounts; what comes from outside is −1.
 *
 * One `cropAndResize` does both: the crop is as large as its box, and a flip is a box with its sides swapped. The
 * sampling points are drawn together by a thousandth about the image's centre, so that a rounding error can neither
 * push a border pixel outside nor change which pixel is the nearest: the result is exact.
 *
 * @param images `[batch, s, s, 3]`, pixels 0…255
 * @param dy `[batch]` whole numbers: row y of the result is row y + dy of the image
 * @param dx `[batch]` likewise for columns, before the flip
 * @param flip `[batch]` 1 to mirror left and right, else 0
 * @returns `[batch, 32, 32, 3]` float32: pixels 0…255, or −1
 */
export function shiftAndFlip(
  images: tf.Tensor4D,
  dy: tf.Tensor1D,
  dx: tf.Tensor1D,
  flip: tf.Tensor1D,
): tf.Tensor4D {
  return tf.tidy(() => {
    const last = images.shape[1] - 1;
    const shrink = 0.999;
    // An edge of the box in units of the image: (c + (edge − c)·shrink) / last, with c the centre.
    const edge = (position: tf.Tensor1D) =>
      position.sub(last / 2).mul(shrink / last).add(0.5) as tf.Tensor1D; // prettier-ignore
    const [top, bottom] = [edge(dy), edge(dy.add(IMAGE_SIZE - 1))];
    const [left, right] = [edge(dx), edge(dx.add(IMAGE_SIZE - 1))];
    const width = right.sub(left).mul(flip) as tf.Tensor1D;
    const boxes = tf.stack([top, left.add(width), bottom, right.sub(width)], 1) as tf.Tensor2D;
    const which = tf.range(0, images.shape[0], 1, 'int32') as tf.Tensor1D;
    const size: [number, number] = [IMAGE_SIZE, IMAGE_SIZE];
    return tf.image.cropAndResize(images, boxes, which, size, 'nearest', OUTSIDE);
  });
}

/**
 * A training batch: gathers the images, flips each with probability ½, pads by 4 and crops at random, normalizes.
 * The padding is zero after normalization (the mean color), as in the papers' code.
 *
 * @param dataset the whole split's pixels, `[n, 32, 32, 3]`
 * @param indices which images, `[batch]` int32
 * @param seed `[2]` int32; the same seed gives the same batch on every back end
 * @returns `[batch, 32, 32, 3]` float32
 */
export function augmentBatch(dataset: tf.Tensor4D, indices: tf.Tensor1D, seed: tf.Tensor1D): tf.Tensor4D {
  return tf.tidy(() => {
    const batch = indices.shape[0];
    const draw = statelessUniform([3, batch], seed); // (3, batch) in [0, 1)
    const [u, v, w] = tf.unstack(draw) as tf.Tensor1D[];
    const offset = (x: tf.Tensor1D) =>
      x
        .mul(2 * PADDING + 1)
        .floor()
        .sub(PADDING) as tf.Tensor1D;
    const images = tf.gather(dataset, indices) as tf.Tensor4D;
    const cropped = shiftAndFlip(images, offset(u), offset(v), tf.less(w, 0.5).toFloat() as tf.Tensor1D);
    return tf.where(tf.less(cropped, 0), tf.zerosLike(cropped), normalize(cropped)) as tf.Tensor4D;
  });
}
