import type * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { MODEL_OPTION_KEYS } from './builder';
import { type ModelOptions, requireKnownKeys, requireWhole } from './options';
import { residualNetwork } from './resnet';
import { type ShortcutType } from './blocks';

/** Options of `wideResnet`. */
export interface WideResNetOptions extends ModelOptions {
  /** 6n+4: the paper counts the stem and the three projections with the 6n convolutions of the blocks. */
  depth: number;
  /** The widening factor k: stages have 16k, 32k, 64k channels. */
  width: number;
  /** Share of values dropped between a block's convolutions. Default 0; the paper's is 0.3. */
  dropout?: number;
  /** Default 'B', as in the paper. */
  shortcut?: ShortcutType;
  /** Default true: projections see the activated input, as in the authors' code. */
  preactivateShortcuts?: boolean;
}

const OWN_KEYS = ['depth', 'width', 'dropout', 'shortcut', 'preactivateShortcuts'] as const;

/**
 * Wide residual network, "WRN-depth-width" (Zagoruyko & Komodakis 2016, table 1): v2 blocks of two 3×3 convolutions.
 * Image [batch, 32, 32, 3] → logits [batch, 10].
 * @throws UserError when the depth is not 6n+4 or an option is not known.
 * @example wideResnet({ depth: 28, width: 10, dropout: 0.3 })
 */
export function wideResnet(options: WideResNetOptions): tf.LayersModel {
  requireKnownKeys('wideResnet', options, [...OWN_KEYS, ...MODEL_OPTION_KEYS]);
  const { depth, width, shortcut = 'B', preactivateShortcuts = true, ...rest } = options;
  requireWhole('width', width);
  const n = (depth - 4) / 6;
  if (!Number.isInteger(n) || n < 1) {
    const below = Math.max(1, Math.floor(n) || 1);
    throw new UserError(
      `depth is ${depth}; wide ResNets have 6n+4 layers: give ${6 * below + 4} or ${6 * below + 10}.`,
    );
  }
  return residualNetwork({
    ...rest,
    name: options.name ?? `wrn_${depth}_${width}`,
    blocksPerStage: n,
    blockType: 'preactivated',
    activateStem: false, // as in the authors' code
    width,
    shortcut,
    preactivateShortcuts,
  });
}
