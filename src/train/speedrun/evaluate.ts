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
  batchSize = 500,
): Promise<{ plain: number; byCrops: number }> {
  const size = Math.min(batchSize, split.count);
  const classify = jit(
    (pixels: tf.Tensor4D) => {
      const apply = (x: tf.Tensor4D) => model.apply(x, { training: false }) as tf.Tensor2D;
      const images = normalizeBytes(pixels);
      const plain = apply(images);
      return tf.stack([plain, plain.add(apply(tf.reverse(images, 2)))]) as tf.Tensor3D;
    },
    { name: 'speedrun test' },
  );
  const padded = reflected(split, 1);
  /** Logits of the images from `begin` on, shifted; as they are, and with their mirror images' added. */
  const logitsOf = async (
    begin: number,
    shift: number,
  ): Promise<[plain: Float32Array, both: Float32Array]> => {
    const crop = tf.slice(padded, [begin, shift, shift, 0], [size, IMAGE_SIZE, IMAGE_SIZE, 3]);
    const output = await classify.async(crop);
    const logits = await output.data<'float32'>();
    tf.dispose([crop, output]);
    return [logits.subarray(0, size * 10), logits.subarray(size * 10)];
  };
  const [plain, byCrops] = [0, 1].map(() => new Float32Array(split.count * 10));
  for (let from = 0; from < split.count; from += size) {
    const begin = Math.min(from, split.count - size); // the last batch overlaps the one before, so that one program serves all
    const [asIs, centre] = await logitsOf(begin, 1);
    const [, upLeft] = await logitsOf(begin, 0);
    const [, downRight] = await logitsOf(begin, 2);
    plain.set(asIs, begin * 10);
    byCrops.set(
      centre.map((logit, i) => logit + (upLeft[i] + downRight[i]) / 2),
      begin * 10,
    );
  }
  padded.dispose();
  return { plain: score(plain, split.labels).error, byCrops: score(byCrops, split.labels).error };
}
