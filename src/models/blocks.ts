import type * as tf from '@tensorflow/tfjs';
import { type Builder, channels } from './builder';

/**
 * Shortcuts where the shape changes: 'A' subsample and zero channels, 'B' 1×1 convolution, 'B_original' 'B' and batch norm. With 'none' no
 * block has a path around, wherever it stands: a plain network (He et al. 2016, section 3.3).
 */
export const SHORTCUTS = ['A', 'B', 'B_original', 'none'] as const;
export type ShortcutType = (typeof SHORTCUTS)[number];

/** What residual blocks of one stage differ in. */
export interface BlockOptions {
  /** Channels that the block gives out. */
  filters: number;
  /** Of the convolution that changes the resolution. */
  stride: number;
  shortcut: ShortcutType;
  /** v2: a projection takes the activated input (BN, ReLU), not the raw one. */
  preactivateShortcut?: boolean;
  /** v2: the path around takes the activated input, whatever it is. */
  splitAfterActivation?: boolean;
  /** Share of values dropped before the last 3×3 convolution of a v2 block. */
  dropout?: number;
}

/** One residual block: feature map in, feature map out; `name` is the prefix of its layers' names. */
export type ResidualBlock = (
  b: Builder,
  name: string,
  x: tf.SymbolicTensor,
  o: BlockOptions,
) => tf.SymbolicTensor;

function changesShape(x: tf.SymbolicTensor, { filters, stride }: BlockOptions): boolean {
  return stride !== 1 || channels(x) !== filters;
}

/** The path around the convolutions: x itself, or, where the shape changes, x brought to the new one. */
export function shortcutPath(
  b: Builder,
  name: string,
  x: tf.SymbolicTensor,
  o: BlockOptions,
): tf.SymbolicTensor {
  if (!changesShape(x, o)) return x;
  const { filters, stride } = o;
  if (o.shortcut === 'A') return b.zeroPaddedShortcut(`${name}/shortcut`, x, filters, stride);
  const projected = b.conv(`${name}/shortcut/conv`, x, { filters, size: 1, stride });
  return o.shortcut === 'B' ? projected : b.batchNorm(`${name}/shortcut/bn`, projected);
}

/** The sum of a block's convolutions and the path around them, if it has one. */
function withShortcut(
  b: Builder,
  name: string,
  y: tf.SymbolicTensor,
  x: tf.SymbolicTensor,
  o: BlockOptions,
): tf.SymbolicTensor {
  return o.shortcut === 'none' ? y : b.add(`${name}/add`, y, shortcutPath(b, name, x, o));
}

/** ResNet v1 (He et al. 2016, figure 2): conv–BN–ReLU–conv–BN, plus the shortcut, then ReLU. */
export const originalBlock: ResidualBlock = (b, name, x, o) => {
  const { filters, stride } = o;
  let y = b.conv(`${name}/conv1`, x, { filters, size: 3, stride });
  y = b.relu(`${name}/relu1`, b.batchNorm(`${name}/bn1`, y));
  y = b.conv(`${name}/conv2`, y, { filters, size: 3 });
  y = b.batchNorm(`${name}/bn2`, y);
  return b.relu(`${name}/relu2`, withShortcut(b, name, y, x, o));
};

/** ResNet v2 (He et al. 2016b, figure 1b): BN–ReLU–conv twice, plus the shortcut; nothing after the sum. */
export const preactivatedBlock: ResidualBlock = (b, name, x, o) => {
  const { filters, stride } = o;
  const activated = b.relu(`${name}/relu1`, b.batchNorm(`${name}/bn1`, x));
  let y = b.conv(`${name}/conv1`, activated, { filters, size: 3, stride });
  y = b.relu(`${name}/relu2`, b.batchNorm(`${name}/bn2`, y));
  if (o.dropout) y = b.dropout(`${name}/dropout`, y, o.dropout);
  y = b.conv(`${name}/conv2`, y, { filters, size: 3 });
  return withShortcut(b, name, y, shortcutSource(x, activated, o), o);
};

/**
 * ResNet v2's bottleneck: 1×1 to a quarter of the channels, 3×3, 1×1 back, each after BN–ReLU. The stride is that of the
 * first convolution, as in the authors' code.
 */
export const bottleneckBlock: ResidualBlock = (b, name, x, o) => {
  const { filters, stride } = o;
  const narrow = filters / 4;
  const activated = b.relu(`${name}/relu1`, b.batchNorm(`${name}/bn1`, x));
  let y = b.conv(`${name}/conv1`, activated, { filters: narrow, size: 1, stride });
  y = b.relu(`${name}/relu2`, b.batchNorm(`${name}/bn2`, y));
  if (o.dropout) y = b.dropout(`${name}/dropout`, y, o.dropout);
  y = b.conv(`${name}/conv2`, y, { filters: narrow, size: 3 });
  y = b.relu(`${name}/relu3`, b.batchNorm(`${name}/bn3`, y));
  y = b.conv(`${name}/conv3`, y, { filters, size: 1 });
  return withShortcut(b, name, y, shortcutSource(x, activated, o), o);
};

/** Where the path around a v2 block begins. */
function shortcutSource(
  x: tf.SymbolicTensor,
  activated: tf.SymbolicTensor,
  o: BlockOptions,
): tf.SymbolicTensor {
  const late = o.splitAfterActivation || (o.preactivateShortcut && changesShape(x, o));
  return late ? activated : x;
}

/** What all stages share. */
interface StagesOptions extends Omit<BlockOptions, 'filters' | 'stride'> {
  filters: readonly number[];
  blocks: readonly number[];
}

/**
 * Stages of residual blocks: stage s has blocks[s] blocks of filters[s] channels; each stage but the first begins by halving
 * the resolution. `splitAfterActivation` is meant for the very first block.
 */
export function residualStages(
  b: Builder,
  x: tf.SymbolicTensor,
  block: ResidualBlock,
  { filters, blocks, splitAfterActivation, ...shared }: StagesOptions,
): tf.SymbolicTensor {
  filters.forEach((width, stage) => {
    for (let i = 0; i < blocks[stage]; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const first = stage === 0 && i === 0 && splitAfterActivation;
      const name = `stage${stage + 1}/block${i + 1}`;
      x = block(b, name, x, { ...shared, filters: width, stride, splitAfterActivation: first });
    }
  });
  return x;
}
