import type * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { Builder, MODEL_OPTION_KEYS } from './builder';
import { type ModelOptions, requireKnownKeys } from './options';

/** Channels of each 3×3 convolution by stage (Simonyan & Zisserman 2015, table 1, columns A, B, D, E). */
const STAGES: Readonly<Record<number, readonly (readonly number[])[]>> = {
  11: [[64], [128], [256, 256], [512, 512], [512, 512]],
  13: [
    [64, 64],
    [128, 128],
    [256, 256],
    [512, 512],
    [512, 512],
  ],
  16: [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ],
  19: [
    [64, 64],
    [128, 128],
    [256, 256, 256, 256],
    [512, 512, 512, 512],
    [512, 512, 512, 512],
  ],
};

/** Options of `vgg`. */
export interface VggOptions extends ModelOptions {
  /** Layers with weights in the ImageNet network of that name: 11, 13, 16 or 19. */
  depth: number;
  /** Channels of each convolution, stage by stage, in place of the paper's; a max-pool ends each stage. */
  stages?: readonly (readonly number[])[];
}

/**
 * VGG for CIFAR (Simonyan & Zisserman 2015; batch norm as in Ayinde et al. 2019): stages of 3×3 convolutions with bias, BN and
 * ReLU, a 2×2 max-pool after each, global average pooling in place of the two hidden dense layers.
 * Image [batch, 32, 32, 3] → logits [batch, 10].
 * @throws UserError when the depth is not one of the paper's or an option is not known.
 */
export function vgg(options: VggOptions): tf.LayersModel {
  requireKnownKeys('vgg', options, ['depth', 'stages', ...MODEL_OPTION_KEYS]);
  const stages = options.stages ?? STAGES[options.depth];
  if (!stages) {
    throw new UserError(
      `depth is ${options.depth}; VGG has ${Object.keys(STAGES).join(', ')} layers: give one of these.`,
    );
  }
  const b = new Builder(options);
  let x = b.image;
  stages.forEach((convolutions, stage) => {
    const name = `stage${stage + 1}`;
    convolutions.forEach((filters, i) => {
      x = b.conv(`${name}/conv${i + 1}`, x, { filters, size: 3, bias: true });
      x = b.relu(`${name}/relu${i + 1}`, b.batchNorm(`${name}/bn${i + 1}`, x));
    });
    x = b.maxPool(`${name}/pool`, x);
  });
  return b.model(`vgg${options.depth}`, b.classify(x));
}
