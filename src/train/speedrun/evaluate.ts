import * as tf from '@tensorflow/tfjs';
import { IMAGE_SIZE, type Split } from '../../data';
import { jit } from '../../xla/jit';
import { score } from '../evaluate';
import { normalizeBytes, reflected } from './images';

/**
 * Test error in percent of the images as they are (`plain`), and with the paper's test-time augmentation (`byCrops`, section 3.5): half
 * the logits of the image, half those of two crops shifted by a pixel, up-left and down-right; each also mirrored.
 */
export async function testErrors(
  model: tf.LayersModel,
  split: Split,
  batchSize = 2000,
): Promise<{ plain: number; byCrops: number }> {
  const size = Math.min(batchSize, split.count);
  const classify = jit(
    (padded: tf.Tensor4D) => {
      const apply = (x: tf.Tensor4D) => model.apply(x, { training: false }) as tf.Tensor2D;
      const logits = (crop: number): [plain: tf.Tensor, both: tf.Tensor] => {
        const images = normalizeBytes(padded.slice([0, crop, crop, 0], [size, IMAGE_SIZE, IMAGE_SIZE, 3]));
        const plain = apply(images);
        return [plain, plain.add(apply(tf.reverse(images, 2)))];
      };
      const [[plain, centre], [, upLeft], [, downRight]] = [1, 0, 2].map(logits);
      return tf.stack([plain, centre.add(upLeft.add(downRight).div(2))]) as tf.Tensor3D;
    },
    { name: 'speedrun test' },
  );
  const padded = reflected(split, 1);
  const [plain, byCrops] = [0, 1].map(() => new Float32Array(split.count * 10));
  for (let from = 0; from < split.count; from += size) {
    const begin = Math.min(from, split.count - size); // the last batch overlaps the one before, so that one program serves all
    const batch = tf.tidy(() => padded.slice([begin, 0, 0, 0], [size, -1, -1, -1]));
    const output = await classify.async(batch);
    const logits = await output.data<'float32'>();
    plain.set(logits.subarray(0, size * 10), begin * 10);
    byCrops.set(logits.subarray(size * 10), begin * 10);
    tf.dispose([batch, output]);
  }
  padded.dispose();
  return { plain: score(plain, split.labels).error, byCrops: score(byCrops, split.labels).error };
}
