/** Scores a model on a split. */
import * as tf from '@tensorflow/tfjs';
import { IMAGE_BYTES, normalize, type Split } from '../data';
import { type Jit, jit } from '../xla/jit';

type Classifier = Jit<[tf.Tensor4D], tf.Tensor2D>;

/** One program a model, however often it is scored. */
const classifiers = new WeakMap<tf.LayersModel, Classifier>();

function classifierOf(model: tf.LayersModel): Classifier {
  let classify = classifiers.get(model);
  if (!classify) {
    classify = jit(images => model.apply(normalize(images), { training: false }) as tf.Tensor2D, {
      name: `evaluate ${model.name}`,
    });
    classifiers.set(model, classify);
  }
  return classify;
}

/** What `evaluate` found. */
export interface Evaluation {
  /** Percent misclassified. */
  error: number;
  /** Mean cross-entropy. */
  loss: number;
  /** How often class i was taken for class j, `[10][10]`. */
  confusion: number[][];
  /** `[count × 10]`, row by row. */
  logits: Float32Array;
}

/**
 * Runs the model on every image, without augmentation, batch norm by its moving averages.
 *
 * @param model image `[batch, 32, 32, 3]` → logits `[batch, 10]`
 * @param batchSize images at once; the last batch is filled up, so that one program serves all
 */
export async function evaluate(model: tf.LayersModel, split: Split, batchSize = 500): Promise<Evaluation> {
  const classify = classifierOf(model);
  const logits = new Float32Array(split.count * 10);
  for (let from = 0; from < split.count; from += batchSize) {
    const count = Math.min(batchSize, split.count - from);
    const bytes = new Int32Array(batchSize * IMAGE_BYTES);
    bytes.set(split.images.subarray(from * IMAGE_BYTES, (from + count) * IMAGE_BYTES));
    const images = tf.tensor4d(bytes, [batchSize, 32, 32, 3], 'int32');
    const output = await classify.async(images);
    logits.set((await output.data<'float32'>()).subarray(0, count * 10), from * 10);
    tf.dispose([images, output]);
  }
  return { ...score(logits, split.labels), logits };
}

/** Error, loss and confusion of logits `[count × 10]` against labels `[count]`. */
export function score(logits: Float32Array, labels: Uint8Array): Omit<Evaluation, 'logits'> {
  const confusion = Array.from({ length: 10 }, () => Array<number>(10).fill(0));
  let wrong = 0;
  let loss = 0;
  labels.forEach((label, i) => {
    const row = logits.subarray(i * 10, i * 10 + 10);
    const max = Math.max(...row);
    const guess = row.indexOf(max);
    confusion[label][guess]++;
    if (guess !== label) wrong++;
    loss += Math.log(row.reduce((sum, value) => sum + Math.exp(value - max), 0)) + max - row[label];
  });
  return { error: (100 * wrong) / labels.length, loss: loss / labels.length, confusion };
}
