import * as tf from '@tensorflow/tfjs';
import { resnet, resnext, vgg, wideResnet } from '../../src/models';

/** Trainable scalars of a model, counted from its variables. */
export function parameterCount(model: tf.LayersModel): number {
  return model.trainableWeights.reduce((sum, weight) => sum + size(weight.shape), 0);
}

export function size(shape: readonly (number | null)[]): number {
  return shape.reduce<number>((product, n) => product * n!, 1);
}

const tiny = { seed: 1, inputShape: [8, 8, 3] as [number, number, number] };

/** Every kind of block and shortcut in a network that plain JavaScript runs at once: images [batch, 8, 8, 3]. */
export const SMALL_MODELS: [string, () => tf.LayersModel][] = [
  ['resnet v1 A', () => resnet({ ...tiny, depth: 8 })],
  ['plain', () => resnet({ ...tiny, depth: 8, shortcut: 'none' })],
  ['resnet v1 B', () => resnet({ ...tiny, depth: 8, shortcut: 'B' })],
  ['resnet v1 B_original', () => resnet({ ...tiny, depth: 8, shortcut: 'B_original' })],
  ['resnet v2', () => resnet({ ...tiny, depth: 8, blockType: 'preactivated' })],
  ['bottleneck', () => resnet({ ...tiny, depth: 11, blockType: 'bottleneck' })],
  ['wrn with dropout', () => wideResnet({ ...tiny, depth: 10, width: 2, dropout: 0.3 })],
  ['vgg', () => vgg({ ...tiny, depth: 11, stages: [[8], [8], [16, 16]] })],
  ['resnext', () => resnext({ ...tiny, depth: 11, cardinality: 2, groupWidth: 4 })],
];

/** Normal draws in the shape of the model's images; the same for the same seed on every back end. */
export function imagesFor(model: tf.LayersModel, batch: number): tf.Tensor4D {
  const [, ...shape] = model.inputs[0].shape as number[];
  return tf.randomNormal([batch, ...shape] as [number, number, number, number], 0, 1, 'float32', 5);
}
