import * as tf from '@tensorflow/tfjs';
import { PNG } from 'pngjs';
import { augmentBatch, CHANNELS, IMAGE_SIZE, imageBytes, MEAN, type Split, STD } from '../../data';
import { BatchOrder, stepSeed } from '../order';
import { type EncodedImage } from './messages';

/** Images a side of the picture. */
const SIDE = 8;

/** What the run's first step is shown: its first 64 images, augmented, in rows of eight. */
export async function augmentedSamples(split: Split, seed: number): Promise<EncodedImage> {
  const indices = new BatchOrder(split.count, SIDE * SIDE, seed).indices(0);
  const batch = tf.tidy(() => {
    const rows = Array.from(indices, i => imageBytes(split, i));
    const images = tf.tensor4d(
      Int32Array.from(rows.flatMap(row => [...row])),
      [indices.length, IMAGE_SIZE, IMAGE_SIZE, CHANNELS],
      'int32',
    );
    const all = tf.range(0, indices.length, 1, 'int32') as tf.Tensor1D;
    return augmentBatch(images, all, tf.tensor1d(stepSeed(seed, 0), 'int32'));
  });
  const values = await batch.data<'float32'>();
  batch.dispose();
  return mosaic(values);
}

/** Normalized images `[64, 32, 32, 3]` → one picture. */
function mosaic(values: Float32Array): EncodedImage {
  const size = SIDE * IMAGE_SIZE;
  const picture = new PNG({ width: size, height: size });
  for (let pixel = 0; pixel < values.length / 3; pixel++) {
    const image = Math.floor(pixel / IMAGE_SIZE ** 2);
    const y = Math.floor(image / SIDE) * IMAGE_SIZE + Math.floor((pixel % IMAGE_SIZE ** 2) / IMAGE_SIZE);
    const x = (image % SIDE) * IMAGE_SIZE + (pixel % IMAGE_SIZE);
    for (let c = 0; c < 3; c++) {
      const level = 255 * (values[3 * pixel + c] * STD[c] + MEAN[c]);
      picture.data[4 * (y * size + x) + c] = Math.min(255, Math.max(0, Math.round(level)));
    }
    picture.data[4 * (y * size + x) + 3] = 255;
  }
  return { width: size, height: size, png: PNG.sync.write(picture) };
}
