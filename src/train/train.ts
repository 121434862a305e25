/** The training loop. One step is one function of tensors (step.ts); a run can be broken off and gone on with at any step. */
import type * as tf from '@tensorflow/tfjs';
import { type Cifar10 } from '../data';
import { UserError } from '../errors';
import { fillOptions, type TrainOptions, type TrainResult } from './options';
import { withPrecision } from './precision';
import { Run } from './run';
import { stepSharding } from './step';

/**
 * Trains a model on CIFAR-10 in place, by SGD with momentum (He et al. 2016, section 4.2).
 *
 * With `checkpoint`, a run that was broken off, by `signal` or by a kill, goes on from its last checkpoint, and on the CPU
 * reaches, bit for bit, what it would have reached unbroken.
 *
 * @param model image `[batch, 32, 32, 3]` → logits `[batch, 10]`
 * @returns what the run ended with; when `signal` was raised, the weights as they then were are kept
 * @throws UserError for an option that makes no sense, a checkpoint of another run, or when the loss is no longer a number
 */
export async function train(
  model: tf.LayersModel,
  data: Cifar10,
  given: TrainOptions = {},
): Promise<TrainResult> {
  const options = fillOptions(given);
  if (data.train.count < 1) throw new UserError('The training split is empty: give at least one image.');
  return withPrecision(options.precision, async () => {
    stepSharding(options); // throws before anything is allocated
    const run = new Run(model, data, options);
    try {
      await run.open();
      return await run.toEnd();
    } finally {
      run.dispose();
    }
  });
}
