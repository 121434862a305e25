/** Images of the speedrun: padded by reflection once, kept on the device as bytes; crops and flips are part of the step. */
import * as tf from '@tensorflow/tfjs';
import { CHANNELS, IMAGE_SIZE, type Split } from '../../data';
import { statelessUniform } from '../../xla/random';
import { uint8Tensor } from '../../xla/uint8Tensor';

/** Mean and deviation of the training set, by channel: not the constants that the other recipes use. */
export const MEAN = [0.4914, 0.4822, 0.4465];
export const STD = [0.247, 0.2435, 0.2616];

/** Pixels 0…255, [batch, h, w, 3] → zero mean and unit deviation. */
export function normalizeBytes(images: tf.Tensor4D): tf.Tensor4D {
  return tf.tidy(() => {
    const scale = tf.tensor1d(STD.map(std => 1 / (255 * std)));
    const shift = tf.tensor1d(STD.map((std, c) => -MEAN[c] / std));
    return images.toFloat().mul(scale).add(shift) as tf.Tensor4D;
  });
}

/**
 * Images with a border of their reflection (the edge pixel is not repeated).
 * @returns `[count, 32 + 2·border, 32 + 2·border, 3]`, bytes on the device
 */
export function reflected(split: Split, border: number): tf.Tensor4D {
  const size = IMAGE_SIZE + 2 * border;
  const last = IMAGE_SIZE - 1;
  const source = Int32Array.from({ length: size }, (_, i) => last - Math.abs(last - Math.abs(i - border)));
  const out = new Uint8Array(split.count * size * size * CHANNELS);
  let to = 0;
  for (let image = 0; image < split.count; image++) {
    for (let y = 0; y < size; y++) {
      const row = (image * IMAGE_SIZE + source[y]) * IMAGE_SIZE;
      for (let x = 0; x < size; x++) {
        const from = (row + source[x]) * CHANNELS;
        out[to++] = split.images[from];
        out[to++] = split.images[from + 1];
        out[to++] = split.images[from + 2];
      }
    }
  }
  return uint8Tensor(out, [split.count, size, size, CHANNELS]) as tf.Tensor4D;
}

/**
 * A random 32×32 crop of each image, mirrored where `flip` is 1, normalized.
 *
 * @param padded `[n, s, s, 3]` with s = 32 + 2·border, bytes
 * @param rows `[batch]` which images
 * @param flip `[batch]` 0 or 1
 * @param seed `[2]`
 * @returns `[batch, 32, 32, 3]`
 */
export function cropAndFlip(
  padded: tf.Tensor4D,
  rows: tf.Tensor1D,
  flip: tf.Tensor1D,
  seed: tf.Tensor1D,
): tf.Tensor4D {
  return tf.tidy(() => {
    const [batch, last] = [rows.shape[0], padded.shape[1] - 1];
    const places = padded.shape[1] - IMAGE_SIZE + 1;
    const [dy, dx] = tf.unstack(statelessUniform([2, batch], seed).mul(places).floor()) as tf.Tensor1D[];
    // As in data/augment.ts: drawn together by a thousandth about the centre, no sampling point is on a pixel's edge.
    const edge = (position: tf.Tensor1D) => position.sub(last / 2).mul(0.999 / last).add(0.5) as tf.Tensor1D; // prettier-ignore
    const [top, bottom] = [edge(dy), edge(dy.add(IMAGE_SIZE - 1))];
    const [left, right] = [edge(dx), edge(dx.add(IMAGE_SIZE - 1))];
    const width = right.sub(left).mul(flip) as tf.Tensor1D;
    const boxes = tf.stack([top, left.add(width), bottom, right.sub(width)], 1) as tf.Tensor2D;
    const images = tf.gather(padded, rows) as tf.Tensor4D;
    const which = tf.range(0, batch, 1, 'int32') as tf.Tensor1D;
    const size: [number, number] = [IMAGE_SIZE, IMAGE_SIZE];
    return normalizeBytes(tf.image.cropAndResize(images, boxes, which, size, 'nearest'));
  });
}
