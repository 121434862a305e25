import type * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { loadWeights, pretrainedPath } from '../weights/files';
import { type ModelOptions } from './options';
import { type Paper, PAPERS } from './papers';
import { resnet, type ResNetOptions } from './resnet';
import { resnext } from './resnext';
import { vgg } from './vgg';
import { wideResnet } from './wideResnet';

/** Architecture families; a family is one file and one training recipe. */
export type Family = 'vgg' | 'resnet' | 'wideResnet' | 'resnext';

/** Options of `createModel`: those of every model, and what a family's factory takes besides ('shortcut', 'dropout' …). */
export interface CreateOptions
  extends ModelOptions, Partial<Omit<ResNetOptions, 'depth' | 'blockType' | 'width'>> {
  /** true: with the weights that the project ships (weights/pretrained/<name>.safetensors). A path: with those of that file. Default false. */
  pretrained?: boolean | string;
}

/** One model of the table. */
export interface ModelEntry {
  /** As `createModel` takes it. */
  readonly name: string;
  /** As the paper writes it. */
  readonly title: string;
  readonly family: Family;
  readonly paper: Paper;
  /** Trainable parameters, exactly. */
  readonly parameters: number;
  /** Multiply-adds of the convolutions and the dense layer for one image. */
  readonly multiplyAdds: number;
  /** Test error on CIFAR-10 in percent, the best of the paper's runs. */
  readonly paperErrorBest?: number;
  /** The same, the mean or median that the paper gives over several runs. */
  readonly paperErrorMean?: number;
  /** What to measure ourselves by: the mean where the paper gives one, else the best. */
  readonly paperError?: number;
  /** Builds the model, image [batch, 32, 32, 3] → logits [batch, 10]. */
  build(options?: CreateOptions): tf.LayersModel;
}

interface Row {
  name: string;
  title: string;
  family: Family;
  paper: keyof typeof PAPERS;
  parameters: number;
  multiplyAdds: number;
  best?: number;
  mean?: number;
  build: (options: CreateOptions) => tf.LayersModel;
}

function entry(row: Row): ModelEntry {
  const { name, title, family, paper, parameters, multiplyAdds, best, mean } = row;
  return {
    name,
    title,
    family,
    parameters,
    multiplyAdds,
    paper: PAPERS[paper],
    paperErrorBest: best,
    paperErrorMean: mean,
    paperError: mean ?? best,
    build: (options = {}) => buildWithWeights(row, options),
  };
}

function vggEntry(depth: number, parameters: number, multiplyAdds: number, best: number): ModelEntry {
  const build: Row['build'] = options => vgg({ ...options, depth });
  return entry({
    name: `vgg${depth}`,
    title: `VGG${depth}`,
    family: 'vgg',
    paper: 'vgg',
    parameters,
    multiplyAdds,
    best,
    build,
  });
}

function v1(
  depth: number,
  parameters: number,
  multiplyAdds: number,
  best: number,
  mean?: number,
): ModelEntry {
  return entry({
    name: `resnet${depth}_v1`,
    title: `ResNet${depth} v1`,
    family: 'resnet',
    paper: 'resnet',
    parameters,
    multiplyAdds,
    best,
    mean,
    build: options => resnet({ ...options, depth, blockType: 'original' }),
  });
}

function v2(depth: number, parameters: number, multiplyAdds: number, mean?: number): ModelEntry {
  const blockType = depth < 164 ? 'preactivated' : 'bottleneck';
  const name = depth < 164 ? `resnet${depth}_v2` : `resnet${depth}`;
  return entry({
    name,
    title: depth < 164 ? `ResNet${depth} v2` : `ResNet${depth}`,
    family: 'resnet',
    paper: 'identityMappings',
    parameters,
    multiplyAdds,
    mean,
    build: options => resnet({ ...options, depth, blockType }),
  });
}

function wrn(
  depth: number,
  width: number,
  parameters: number,
  multiplyAdds: number,
  mean?: number,
): ModelEntry {
  return entry({
    name: `wrn_${depth}_${width}`,
    title: `WRN-${depth}-${width}`,
    family: 'wideResnet',
    paper: 'wideResnet',
    parameters,
    multiplyAdds,
    mean,
    build: options => wideResnet({ ...options, depth, width }),
  });
}

function resnextEntry(
  cardinality: number,
  groupWidth: number,
  parameters: number,
  multiplyAdds: number,
  mean: number,
): ModelEntry {
  return entry({
    name: `resnext29_${cardinality}x${groupWidth}d`,
    title: `ResNeXt-29, ${cardinality}×${groupWidth}d`,
    family: 'resnext',
    paper: 'resnext',
    parameters,
    multiplyAdds,
    mean,
    build: options => resnext({ ...options, depth: 29, cardinality, groupWidth }),
  });
}

/** Every model, in the order of the table. Errors are the papers'; VGG's are those of "On Correlation of Features" (Ayinde et al. 2019). */
export const MODELS: readonly ModelEntry[] = [
  vggEntry(11, 9_231_114, 152_769_536, 7.81),
  vggEntry(13, 9_416_010, 228_267_008, 6.35),
  vggEntry(16, 14_728_266, 313_201_664, 6.49),
  vggEntry(19, 20_040_522, 398_136_320, 6.76),
  v1(20, 269_722, 40_551_040, 8.75),
  v1(32, 464_154, 68_862_592, 7.51),
  v1(44, 658_586, 97_174_144, 7.17),
  v1(56, 853_018, 125_485_696, 6.97),
  v1(110, 1_727_962, 252_887_680, 6.43, 6.61),
  v2(20, 269_722, 40_551_040),
  v2(32, 464_154, 68_862_592),
  v2(44, 658_586, 97_174_144),
  v2(56, 853_018, 125_485_696),
  v2(110, 1_727_962, 252_887_680, 6.37),
  v2(164, 1_703_258, 244_500_992, 5.46),
  v2(1001, 10_327_706, 1_487_849_984, 4.92),
  wrn(16, 4, 2_748_890, 392_612_352, 5.02),
  wrn(40, 4, 8_949_210, 1_298_582_016, 4.53),
  wrn(16, 8, 10_961_370, 1_548_145_664, 4.27),
  wrn(28, 10, 36_479_194, 5_243_328_768, 4.0),
  resnextEntry(8, 64, 34_426_698, 5_387_266_048, 3.65),
  resnextEntry(16, 64, 68_155_210, 10_688_866_304, 3.58),
];

/** @throws UserError listing the names when there is no such model. */
export function findModel(name: string): ModelEntry {
  const found = MODELS.find(model => model.name === name);
  if (!found)
    throw new UserError(
      `There is no model '${name}'; give one of ${MODELS.map(model => model.name).join(', ')}.`,
    );
  return found;
}

/**
 * Builds a model of the table by name.
 * @returns image [batch, 32, 32, 3] → logits [batch, 10].
 * @throws UserError when the name or an option is not known, or pretrained weights are not named, missing or don't fit.
 * @example createModel('resnet20_v1', { seed: 1 })
 */
export function createModel(name: string, options: CreateOptions = {}): tf.LayersModel {
  return findModel(name).build(options);
}

function buildWithWeights(row: Row, { pretrained, ...options }: CreateOptions): tf.LayersModel {
  if (pretrained === '')
    throw new UserError('pretrained is an empty path: name a .safetensors or .npz file, or leave it out.');
  if (!pretrained) return row.build({ name: row.name, ...options });
  const path = pretrained === true ? pretrainedPath(row.name) : pretrained;
  const model = row.build({ name: row.name, ...options, initializer: 'zeros' });
  try {
    loadWeights(model, path);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}
