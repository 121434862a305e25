/** Images of the speedrun: padded by reflection once, kept on the device as bytes; crops and flips are part of the step. */
import * as tf from '@tensorflow/tfjs';
import { CHANNELS, IMAGE_SIZE, normalize, shiftAndFlip, type Split } from '../../data';
import { statelessUniform } from '../../xla/random';
import { uint8Tensor } from '../../xla/uint8Tensor';

/** Mean and deviation of the training set, by channel: not the constants that the other recipes use. */
export const MEAN = [0.4914, 0.4822, 0.4465];
export const STD = [0.247, 0.2435, 0.2616];

/** Pixels 0…255, [batch, h, w, 3] → zero mean and unit deviation. */
export function normalizeBytes(images: tf.Tensor4D): tf.Tensor4D {
  return normalize(images, MEAN, STD);
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
    const places = padded.shape[1] - IMAGE_SIZE + 1;
    const draw = statelessUniform([2, rows.shape[0]], seed).mul(places).floor();
    const [dy, dx] = tf.unstack(draw) as tf.Tensor1D[];
    return normalizeBytes(shiftAndFlip(tf.gather(padded, rows) as tf.Tensor4D, dy, dx, flip));
  });
}
