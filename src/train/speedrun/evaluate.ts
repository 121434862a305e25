import * as tf from '@tensorflow/tfjs';
import { IMAGE_SIZE, type Split } from '../../data';
import { jit } from '../../xla/jit';
import { score } from '../evaluate';
import { normalizeBytes, reflected } from './images';

/**
 * Test error in percent with the paper's test-time augmentation (section 3.5): half the logits of the image, half those of two crops
 * shifted by a pixel, up-left and down-right; each also mirrored.
 */
export async function errorByCrops(model: tf.LayersModel, split: Split, batchSize = 2000): Promise<number> {
  const size = Math.min(batchSize, split.count);
  const classify = jit(
    (padded: tf.Tensor4D) => {
      const logits = (crop: number) => {
        const images = normalizeBytes(padded.slice([0, crop, crop, 0], [size, IMAGE_SIZE, IMAGE_SIZE, 3]));
        const mirrored = tf.reverse(images, 2);
        const apply = (x: tf.Tensor4D) => model.apply(x, { training: false }) as tf.Tensor2D;
        return apply(images).add(apply(mirrored));
      };
      return logits(1).add(logits(0).add(logits(2)).div(2)) as tf.Tensor2D;
    },
    { name: 'speedrun test' },
  );
  const padded = reflected(split, 1);
  const logits = new Float32Array(split.count * 10);
  for (let from = 0; from < split.count; from += size) {
    const begin = Math.min(from, split.count - size); // the last batch overlaps the one before, so that one program serves all
    const batch = tf.tidy(() => padded.slice([begin, 0, 0, 0], [size, -1, -1, -1]));
    const output = await classify.async(batch);
    logits.set(await output.data<'float32'>(), begin * 10);
    tf.dispose([batch, output]);
  }
  padded.dispose();
  return score(logits, split.labels).error;
}
