import type * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { residualStages, type ResidualBlock, shortcutPath } from './blocks';
import { Builder, MODEL_OPTION_KEYS } from './builder';
import { type ModelOptions, requireKnownKeys, requireWhole } from './options';

/** Options of `resnext`. */
export interface ResNeXtOptions extends ModelOptions {
  /** 9n+2. The paper's CIFAR networks have 29. */
  depth: number;
  /** Groups of the 3×3 convolutions (the paper's C). */
  cardinality: number;
  /** Channels of one group in the first stage (the paper's d); doubled in each later one. */
  groupWidth: number;
}

/** Channels that the three stages give out (Xie et al. 2017, section 5.3). */
const FILTERS = [256, 512, 1024] as const;

/**
 * ResNeXt for CIFAR, "ResNeXt-depth, C×dd" (Xie et al. 2017, section 5.3): three stages of bottlenecks with grouped 3×3
 * convolutions; projections with BN where the shape changes. Image [batch, 32, 32, 3] → logits [batch, 10].
 * @throws UserError when the depth is not 9n+2 or an option is not known.
 * @example resnext({ depth: 29, cardinality: 8, groupWidth: 64 })
 */
export function resnext(options: ResNeXtOptions): tf.LayersModel {
  requireKnownKeys('resnext', options, ['depth', 'cardinality', 'groupWidth', ...MODEL_OPTION_KEYS]);
  const { depth, cardinality, groupWidth } = options;
  requireWhole('cardinality', cardinality);
  requireWhole('groupWidth', groupWidth);
  const n = (depth - 2) / 9;
  if (!Number.isInteger(n) || n < 1) {
    const below = Math.max(1, Math.floor(n) || 1);
    throw new UserError(
      `depth is ${depth}; ResNeXts have 9n+2 layers: give ${9 * below + 2} or ${9 * below + 11}.`,
    );
  }
  const b = new Builder(options);
  let x = b.conv('stem/conv', b.image, { filters: 64, size: 3 });
  x = b.relu('stem/relu', b.batchNorm('stem/bn', x));
  x = residualStages(b, x, groupedBlock(cardinality, groupWidth), {
    filters: FILTERS,
    blocks: [n, n, n],
    shortcut: 'B_original',
  });
  return b.model(`resnext${depth}_${cardinality}x${groupWidth}d`, b.classify(x));
}

/** The block of figure 3(c): 1×1 to C·d channels, grouped 3×3 with the stride, 1×1 to the output; BN after each. */
function groupedBlock(cardinality: number, groupWidth: number): ResidualBlock {
  return (b, name, x, o) => {
    const inner = (cardinality * groupWidth * o.filters) / FILTERS[0];
    let y = b.conv(`${name}/conv1`, x, { filters: inner, size: 1 });
    y = b.relu(`${name}/relu1`, b.batchNorm(`${name}/bn1`, y));
    y = b.conv(`${name}/conv2`, y, { filters: inner, size: 3, stride: o.stride, groups: cardinality });
    y = b.relu(`${name}/relu2`, b.batchNorm(`${name}/bn2`, y));
    y = b.conv(`${name}/conv3`, y, { filters: o.filters, size: 1 });
    y = b.batchNorm(`${name}/bn3`, y);
    y = b.add(`${name}/add`, y, shortcutPath(b, name, x, o));
    return b.relu(`${name}/relu3`, y);
  };
}
