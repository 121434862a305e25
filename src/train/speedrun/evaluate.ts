import * as tf from '@tensorflow/tfjs';
import { IMAGE_SIZE, type Split } from '../../data';
import { jit } from '../../xla/jit';
import { score } from '../evaluate';
import { normalizeBytes, reflected } from './images';

/** Test errors in percent: of the images as they are, and by six views. */
export interface TestErrors {
  plain: number;
  byViews: number;
}

/**
 * Examines a model with the paper's test-time augmentation (section 3.5): half the logits of the image, half those of two crops shifted
 * by a pixel, up-left and down-right; each also mirrored.
 */
export class Examiner {
  /** Images with a border of one pixel, bytes on the device. */
  private readonly padded: tf.Tensor4D;
  private readonly size: number;
  /** `[2, batch, 10]`: logits of images as they are, and with their mirror images' added. */
  private readonly classify;

  constructor(
    model: tf.LayersModel,
    private readonly split: Split,
    batchSize = 500,
  ) {
    this.size = Math.min(batchSize, split.count);
    this.padded = reflected(split, 1);
    this.classify = jit(
      (pixels: tf.Tensor4D) => {
        const apply = (x: tf.Tensor4D) => model.apply(x, { training: false }) as tf.Tensor2D;
        const images = normalizeBytes(pixels);
        const plain = apply(images);
        return tf.stack([plain, plain.add(apply(tf.reverse(images, 2)))]) as tf.Tensor3D;
      },
      { name: 'speedrun test' },
    );
  }

  /** Compiles what `errors` needs. */
  async prepare(): Promise<void> {
    tf.dispose(await this.logitsOf(0, 1));
  }

  async errors(): Promise<TestErrors> {
    const { count, labels } = this.split;
    const outputs: { begin: number; views: tf.Tensor3D[] }[] = [];
    for (let from = 0; from < count; from += this.size) {
      const begin = Math.min(from, count - this.size); // the last batch overlaps the one before, so that one program serves all
      const views: tf.Tensor3D[] = [];
      for (const shift of [1, 0, 2]) views.push(await this.logitsOf(begin, shift));
      outputs.push({ begin, views });
    }
    const [plain, byViews] = [0, 1].map(() => new Float32Array(count * 10));
    for (const { begin, views } of outputs) {
      const [centre, upLeft, downRight] = await Promise.all(views.map(view => view.data<'float32'>()));
      tf.dispose(views);
      const half = this.size * 10; // the logits of the images as they are, before those with the mirror images'
      plain.set(centre.subarray(0, half), begin * 10);
      const both = centre.subarray(half);
      byViews.set(
        both.map((logit, i) => logit + (upLeft[half + i] + downRight[half + i]) / 2),
        begin * 10,
      );
    }
    return { plain: score(plain, labels).error, byViews: score(byViews, labels).error };
  }

  dispose(): void {
    this.padded.dispose();
  }

  /** Returns as soon as the device has begun. */
  private async logitsOf(begin: number, shift: number): Promise<tf.Tensor3D> {
    const crop = tf.slice(this.padded, [begin, shift, shift, 0], [this.size, IMAGE_SIZE, IMAGE_SIZE, 3]);
    const logits = await this.classify.launch(crop);
    crop.dispose();
    return logits;
  }
}
