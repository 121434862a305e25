/** Kernels that count: histograms, and places in a sorted sequence. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { define } from './define';
import { addend } from './precision';

interface BincountAttrs {
  size: number;
  binaryOutput?: boolean;
}

/**
 * How often (with weights: with how much) each number below `size` occurs in x [n] → [size], or in each row of x [b, n] → [b, size].
 * Numbers outside are not counted. An empty `weights` stands for ones.
 */
function bincount(x: Value, weights: Value, { size, binaryOutput }: BincountAttrs): Value {
  const [rows, columns] = x.rank === 2 ? x.shape : [1, x.size];
  const type: hlo.TensorType = { dtype: 's32', shape: [rows, columns, 1] };
  const bins = hlo.reshape(hlo.convert(x, 's32'), type.shape);
  const vectors = hlo.concatenate([hlo.iota(type, 0), bins], 2);
  const dtype = weights.dtype === 'pred' ? 's32' : addend(weights).dtype;
  const shape = [rows, columns];
  const ones = hlo.fill(1, { dtype, shape });
  const amounts = binaryOutput || weights.size === 0 ? ones : hlo.reshape(hlo.convert(weights, dtype), shape);
  const dims = {
    updateWindowDims: [],
    insertedWindowDims: [0, 1],
    scatterDimsToOperandDims: [0, 1],
    indexVectorDim: 2,
  };
  const empty = hlo.fill(0, { dtype, shape: [rows, size] });
  const combine: hlo.Combine = binaryOutput ? (_, update) => update : hlo.add;
  return hlo.reshape(
    hlo.scatter(empty, vectors, amounts, dims, combine),
    x.rank === 2 ? [rows, size] : [size],
  );
}

define<BincountAttrs>('Bincount', ({ x, weights }, attrs) => bincount(x, weights, attrs));
define<BincountAttrs>('DenseBincount', ({ x, weights }, attrs) => bincount(x, weights, attrs));

/** How many numbers of the sequence's row [b, n] are less than (right: at most) each of values [b, m]: [b, m]. */
define<{ side: 'left' | 'right' }>('SearchSorted', ({ sortedSequence, values }, { side }) => {
  const [rows, m] = values.shape;
  const shape = [rows, m, sortedSequence.shape[1]];
  const sequence = hlo.broadcastInDim(sortedSequence, shape, [0, 2]);
  const before = hlo.compare(
    sequence,
    hlo.broadcastInDim(hlo.convert(values, sequence.dtype), shape, [0, 1]),
    side === 'left' ? 'LT' : 'LE',
  );
  return hlo.sum(hlo.convert(before, 's32'), [2]);
});
