import type * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import {
  bottleneckBlock,
  originalBlock,
  preactivatedBlock,
  residualStages,
  type ResidualBlock,
  SHORTCUTS,
  type ShortcutType,
} from './blocks';
import { Builder, MODEL_OPTION_KEYS } from './builder';
import { type ModelOptions, requireKnownKeys, requireOneOf, requireWhole } from './options';

/** 'original' is v1, 'preactivated' v2, 'bottleneck' v2 with 1×1–3×3–1×1 blocks. */
const BLOCK_TYPES = ['original', 'preactivated', 'bottleneck'] as const;
export type BlockType = (typeof BLOCK_TYPES)[number];

/** Options of `resnet`. */
export interface ResNetOptions extends ModelOptions {
  /** Layers with weights on the longest path: 6n+2, or 9n+2 with bottlenecks. */
  depth: number;
  /** Default 'original'. */
  blockType?: BlockType;
  /** Default 'A', 'B' with bottlenecks, as in the papers (He et al. 2016, section 4.2; 2016b, appendix). 'none': a plain network. */
  shortcut?: ShortcutType;
  /** v2: projections see the activated input. Default true with bottlenecks, else false. */
  preactivateShortcuts?: boolean;
  /** Widens every stage (Wide ResNet's k). Default 1. */
  width?: number;
  /** Share of values dropped inside v2 blocks. Default 0. */
  dropout?: number;
}

const OWN_KEYS = ['depth', 'blockType', 'shortcut', 'preactivateShortcuts', 'width', 'dropout'] as const;

/** Options of `residualNetwork`: those of `resnet`, with the number of blocks a stage in place of the depth. */
export interface ResidualNetworkOptions extends Omit<ResNetOptions, 'depth'> {
  blocksPerStage: number;
  /** v2: in the first block the path around begins after BN and ReLU (He et al. 2016b, appendix). Default true. */
  activateStem?: boolean;
}

/**
 * A residual network for CIFAR: "Deep Residual Learning for Image Recognition" (He et al. 2016, section 4.2) and "Identity
 * Mappings in Deep Residual Networks" (He et al. 2016b). Image [batch, 32, 32, 3] → logits [batch, 10].
 *
 * @throws UserError when the depth is not 6n+2 (9n+2 with bottlenecks) or an option is not known.
 * @example resnet({ depth: 20 }); resnet({ depth: 164, blockType: 'bottleneck' })
 */
export function resnet(options: ResNetOptions): tf.LayersModel {
  const { depth, ...rest } = options;
  requireKnownKeys('resnet', options, [...OWN_KEYS, ...MODEL_OPTION_KEYS]);
  const blockType = options.blockType ?? 'original';
  requireOneOf('blockType', blockType, BLOCK_TYPES);
  const blocksPerStage = blocksOfDepth(depth, blockType);
  const version = blockType === 'original' ? 'v1' : 'v2';
  return residualNetwork({ ...rest, blocksPerStage, name: options.name ?? `resnet${depth}_${version}` });
}

/** Blocks a stage of a ResNet of this depth: three stages of blocks of two (bottleneck: three) convolutions, and two layers more. */
function blocksOfDepth(depth: number, blockType: BlockType): number {
  const layersPerBlock = blockType === 'bottleneck' ? 3 : 2;
  const perN = 3 * layersPerBlock;
  const n = (depth - 2) / perN;
  if (Number.isInteger(n) && n >= 1) return n;
  const below = Math.max(1, Math.floor(n) || 1);
  throw new UserError(
    `depth is ${depth}; '${blockType}' ResNets have ${perN}n+2 layers: give ${perN * below + 2} or ${perN * (below + 1) + 2}.`,
  );
}

/**
 * The network that `resnet` and `wideResnet` share: 3×3 stem of 16 channels, three stages of 16, 32, 64 (× width, × 4 with
 * bottlenecks) channels, global average pooling, logits.
 * @throws UserError when an option makes no sense.
 */
export function residualNetwork(options: ResidualNetworkOptions): tf.LayersModel {
  const { blocksPerStage, width = 1, dropout = 0, blockType = 'original', activateStem = true } = options;
  const { shortcut = blockType === 'bottleneck' ? 'B' : 'A' } = options;
  const { preactivateShortcuts = blockType === 'bottleneck' } = options;
  requireOneOf('shortcut', shortcut, SHORTCUTS);
  requireWhole('width', width);
  if (blockType === 'original' && dropout) {
    throw new UserError(
      `dropout is ${dropout}, but 'original' blocks have none; leave it out or take 'preactivated' blocks.`,
    );
  }
  if (blockType !== 'original' && shortcut === 'B_original') {
    throw new UserError(
      `shortcut 'B_original' belongs to 'original' blocks; for '${blockType}' give 'A' or 'B'.`,
    );
  }
  const expansion = blockType === 'bottleneck' ? 4 : 1;
  const block: ResidualBlock = {
    original: originalBlock,
    preactivated: preactivatedBlock,
    bottleneck: bottleneckBlock,
  }[blockType];

  const b = new Builder(options);
  let x = b.conv('stem/conv', b.image, { filters: 16, size: 3 });
  if (blockType === 'original') x = b.relu('stem/relu', b.batchNorm('stem/bn', x));
  x = residualStages(b, x, block, {
    filters: [16, 32, 64].map(filters => filters * width * expansion),
    blocks: [blocksPerStage, blocksPerStage, blocksPerStage],
    shortcut,
    preactivateShortcut: preactivateShortcuts,
    splitAfterActivation: activateStem,
    dropout,
  });
  if (blockType !== 'original') x = b.relu('head/relu', b.batchNorm('head/bn', x));
  return b.model(options.name ?? 'resnet', b.classify(x));
}
