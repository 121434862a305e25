/** The recipe of airbench94 (Jordan 2024, 2404.00498): plain numbers and functions of the step. */
import { UserError } from '../../errors';

export interface Recipe {
  /** Passes over the training images. */
  epochs: number;
  batchSize: number;
  /** Decoupled from momentum and batch size: the change of a weight for 1,024 images of gradient 1. */
  learningRate: number;
  momentum: number;
  /** For 1,024 images, decoupled likewise. */
  weightDecay: number;
  /** The rate of batch norm's β in units of the others'. */
  biasScale: number;
  labelSmoothing: number;
  /** The whitening layer's bias learns for so many epochs. */
  whiteningBiasEpochs: number;
  /** Steps between two of Lookahead's averagings. */
  lookaheadSteps: number;
  /** Largest shift of a crop in pixels. */
  translate: number;
}

export const AIRBENCH94: Recipe = {
  epochs: 9.9,
  batchSize: 1024,
  learningRate: 11.5,
  momentum: 0.85,
  weightDecay: 0.0153,
  biasScale: 64,
  labelSmoothing: 0.2,
  whiteningBiasEpochs: 3,
  lookaheadSteps: 5,
  translate: 2,
};

/**
 * Steps over which the schedules reach, epochs of whole batches; and those that are taken, whole rounds of Lookahead. The author's code
 * takes the steps after the last round too, but returns to the slow weights then, which know nothing of them.
 * @throws UserError when there are not images enough for a batch
 */
export function speedrunSteps(
  { epochs, batchSize, lookaheadSteps }: Recipe,
  images: number,
): { scheduled: number; taken: number } {
  if (images < batchSize)
    throw new UserError(
      `The speedrun's batch of ${batchSize} needs as many images, and there are ${images}.`,
    );
  const scheduled = Math.max(lookaheadSteps, Math.ceil(epochs * Math.floor(images / batchSize)));
  return { scheduled, taken: scheduled - (scheduled % lookaheadSteps) };
}

/** What a step's learning rate is multiplied by: 0.2 rises to 1 at 23 % of the run, and falls to 0.07. */
export function rateAt(step: number, steps: number): number {
  const top = Math.floor(0.23 * steps);
  if (step < top) return 0.2 + (0.8 * step) / top;
  return 1 - (0.93 * (step - top)) / (steps - top);
}

/** Share of the slow weights that Lookahead keeps after `step` steps. */
export function lookaheadDecay(step: number, steps: number): number {
  return 0.95 ** 5 * (step / steps) ** 3;
}

/** Rate and weight decay as SGD with momentum over a sum of losses takes them. */
export function sgdSettings({ learningRate, momentum, weightDecay, batchSize, biasScale }: Recipe) {
  const scale = 1024 * (1 + 1 / (1 - momentum));
  const rate = learningRate / scale;
  const decay = (weightDecay * batchSize) / scale;
  return { rate, decay: decay / rate, biasDecay: decay / (rate * biasScale) };
}
