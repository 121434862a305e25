import { type Cifar10, subset } from '../data';
import { type Experiment } from './experiment';
import { fillOptions, type TrainOptions } from './options';
import { train } from './train';

/** Batches and their size, as the Python project has them. */
const TRAIN_BATCHES = 20;
const VALIDATION_BATCHES = 2;
/** Two parts, as `swa` asks for them. */
const half = { type: 'piecewise', values: [0.01], boundaries: [TRAIN_BATCHES / 2] } as const;
const BATCH = 5;

const first = (count: number) => Array.from({ length: count }, (_, i) => i);

/**
 * Trains an experiment's model for 20 batches of 5 and validates it on 2, with its own options but a small learning rate, and
 * throws what goes wrong. Leaves nothing behind.
 * @param options what the run will take in place of the experiment's own
 */
export async function errorTest(
  experiment: Experiment,
  data: Cifar10,
  { signal, ...options }: Pick<TrainOptions, 'precision' | 'devices' | 'stepsPerCall' | 'signal'> = {},
): Promise<void> {
  const { precision = experiment.options.precision } = options;
  fillOptions({ ...experiment.options, ...options, precision });
  const model = experiment.build();
  try {
    await train(
      model,
      {
        ...data,
        train: subset(data.train, first(TRAIN_BATCHES * BATCH)),
        test: subset(data.test, first(VALIDATION_BATCHES * BATCH)),
      },
      {
        ...experiment.options,
        precision,
        schedule: { type: 'sequence', parts: [half, half] },
        ...{ batchSize: BATCH, logInterval: TRAIN_BATCHES, validationInterval: 0, logDir: undefined, signal },
      },
    );
  } finally {
    model.dispose();
  }
}
