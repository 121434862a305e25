import type * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { requireKnownKeys, requireOneOf } from './options';
import { createModel, type CreateOptions } from './registry';

/** A model of the table and the options that an experiment of the Python project asks of it. */
export interface SeedModel {
  name: string;
  options: CreateOptions;
  /** Builds it. */
  build(): tf.LayersModel;
}

const KNOWN = ['block_type', 'shortcut_type', 'shortcut_mode', 'l2_reg', 'dropout', 'load_weights'] as const;
/** 'bootleneck' is how those files spell it. */
const BLOCKS = ['original', 'preactivated', 'bootleneck', 'bottleneck'] as const;
const DEFAULT_L2 = { resnet: 1e-4, wideResnet: 2.5e-4, vgg: 2.5e-4 } as const;

/**
 * Translates an experiment's `module`, `model` and `model_parameters` as the Python project "CIFAR vs Tensorflow 2.0" writes
 * them: `Models.Resnets` (`cifar_resnet20` … `cifar_resnet1001`, `cifar_WRN_40_4`; the prefix may be left out) and `Models.VGGs`
 * (`cifar_vgg16`). Its defaults hold: ResNets of 20 to 56 layers 'original' with shortcut 'A', 110 'preactivated' with 'B', 164 and
 * 1001 bottlenecks with 'B'; L2 of 1e-4 for ResNets, 2.5e-4 for the others, as a regularizer of the kernels. Batch norm is this
 * project's (there Keras's ε of 1e-3 and momentum of 0.99), and so is a bottleneck's stride (there on the 3×3 convolution).
 * @throws UserError naming the field that is not understood.
 * @example fromSeed('Models.Resnets', 'cifar_resnet20', { block_type: 'preactivated' }).build()
 */
export function fromSeed(module: string, model: string, parameters: Record<string, unknown> = {}): SeedModel {
  requireOneOf('module', module, ['Models.Resnets', 'Models.VGGs']);
  requireKnownKeys('model_parameters', parameters, KNOWN);
  const found = module === 'Models.VGGs' ? vggName(model) : resnetName(model, parameters);
  const options: CreateOptions = {
    ...found.options,
    l2: number(parameters, 'l2_reg') ?? DEFAULT_L2[found.family],
  };
  const loadWeights = parameters['load_weights'];
  if (loadWeights !== undefined) {
    if (typeof loadWeights !== 'boolean' && typeof loadWeights !== 'string') {
      throw new UserError(
        `model_parameters.load_weights is ${String(loadWeights)}; give true, false or a path.`,
      );
    }
    options.pretrained = loadWeights;
  }
  return { name: found.name, options, build: () => createModel(found.name, options) };
}

interface Found {
  name: string;
  family: keyof typeof DEFAULT_L2;
  options: CreateOptions;
}

function vggName(model: string): Found {
  const depth = /^(?:cifar_)?vgg(11|13|16|19)$/.exec(model)?.[1];
  if (!depth) throw new UserError(`model is '${model}'; Models.VGGs has cifar_vgg11, 13, 16 and 19.`);
  return { name: `vgg${depth}`, family: 'vgg', options: {} };
}

function resnetName(model: string, parameters: Record<string, unknown>): Found {
  const options: CreateOptions = {};
  const dropout = number(parameters, 'dropout', 1);
  if (dropout !== undefined) options.dropout = dropout;
  const wide = /^(?:cifar_)?WRN_(16_4|40_4|16_8|28_10)$/.exec(model)?.[1];
  const asked = parameters['shortcut_type'] ?? parameters['shortcut_mode'];
  const shortcut = asked === undefined ? undefined : String(asked);
  if (shortcut !== undefined) {
    requireOneOf('model_parameters.shortcut_type', shortcut, ['A', 'B', 'B_original']);
    options.shortcut = shortcut;
  }
  if (wide) return { name: `wrn_${wide}`, family: 'wideResnet', options };

  const depth = Number(/^(?:cifar_)?resnet(20|32|44|56|110|164|1001)$/.exec(model)?.[1]);
  if (!depth) {
    throw new UserError(
      `model is '${model}'; Models.Resnets has cifar_resnet20, 32, 44, 56, 110, 164, 1001 and cifar_WRN_16_4, 40_4, 16_8, 28_10.`,
    );
  }
  const expected = depth > 110 ? 'bootleneck' : depth === 110 ? 'preactivated' : 'original';
  const blockType = String(parameters['block_type'] ?? expected);
  requireOneOf('model_parameters.block_type', blockType, BLOCKS);
  if (blockType.startsWith('bo') !== depth > 110) {
    throw new UserError(`model_parameters.block_type is '${blockType}', but ${model} takes '${expected}'.`);
  }
  options.shortcut ??= depth >= 110 ? 'B' : 'A';
  if (blockType === 'original' && options.shortcut === 'B') options.shortcut = 'B_original'; // as its code takes it
  const version = blockType === 'original' ? '_v1' : '_v2';
  return { name: `resnet${depth}${depth > 110 ? '' : version}`, family: 'resnet', options };
}

/** The number of at least 0, and below `below`, that a parameter is. */
function number(parameters: Record<string, unknown>, key: string, below = Infinity): number | undefined {
  const value = parameters[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number')
    throw new UserError(`model_parameters.${key} is '${String(value)}'; give a number.`);
  if (value >= 0 && value < below) return value;
  const limit = below < Infinity ? ` and below ${below}` : '';
  throw new UserError(`model_parameters.${key} is ${value}; give a number of at least 0${limit}.`);
}
