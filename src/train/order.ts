/**
 * Which images a step sees, as a function of the run's seed and the step alone: a run that goes on from a checkpoint
 * needs no generator's state.
 */
import { hashString, sfc32 } from '../models/random';

/** A random permutation of 0…count−1 for one epoch (Fisher–Yates). */
function epochPermutation(count: number, seed: number, epoch: number): Int32Array {
  const next = sfc32(seed | 0, Math.floor(seed / 2 ** 32) | 0, epoch, hashString('order'));
  const order = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((next() / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/**
 * Deals out images in batches of equal size. Epochs follow one another without a gap, as cards of shuffled decks laid end
 * to end: a batch may hold the last images of one epoch and the first of the next, and none is left out. With `wholeBatches`
 * an epoch ends before a batch that it can't fill, and its last images are left out (PyTorch's `drop_last`).
 */
export class BatchOrder {
  private epoch = -1;
  private permutation: Int32Array = new Int32Array(0);
  /** Images of an epoch that are dealt out. */
  private readonly dealt: number;

  constructor(
    private readonly count: number,
    private readonly batchSize: number,
    private readonly seed: number,
    { wholeBatches = false } = {},
  ) {
    this.dealt = wholeBatches ? count - (count % batchSize) : count;
  }

  /** Indices of the images of step `step`, [batchSize]. */
  indices(step: number): Int32Array {
    const out = new Int32Array(this.batchSize);
    for (let i = 0; i < this.batchSize; i++) {
      const position = step * this.batchSize + i;
      const epoch = Math.floor(position / this.dealt);
      if (epoch !== this.epoch) {
        this.permutation = epochPermutation(this.count, this.seed, epoch);
        this.epoch = epoch;
      }
      out[i] = this.permutation[position - epoch * this.dealt];
    }
    return out;
  }

  /** Epochs done, as a fraction, once `step` steps are. */
  epochs(step: number): number {
    return (step * this.batchSize) / this.dealt;
  }
}

/** The seed of a step's random draws (augmentation, dropout), two 32-bit words. */
export function stepSeed(seed: number, step: number): [number, number] {
  const mixed = sfc32(seed | 0, Math.floor(seed / 2 ** 32) | 0, hashString('step'), 1)();
  return [mixed | 0, step | 0];
}
