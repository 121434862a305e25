/** What an experiment file may say. Unknown keys are errors: a misspelt option must not be passed over. */
import { z } from 'zod';
import { SHORTCUTS } from '../models/blocks';
import { PRECISIONS } from './options';

const count = z.number().int().min(1);

/** Length of a schedule: in steps, or in epochs. */
const length = { steps: count.optional(), epochs: z.number().positive().optional() };
const lengthRule = [
  (schedule: { steps?: number; epochs?: number }) =>
    (schedule.steps === undefined) !== (schedule.epochs === undefined),
  'give steps or epochs, one of the two',
] as const;

const decay = (type: 'linear' | 'cosine') =>
  z
    .strictObject({
      type: z.literal(type),
      peak: z.number().positive(),
      ...length,
      warmup_steps: z.number().int().min(0).optional(),
      warmup_epochs: z.number().min(0).optional(),
      final: z.number().min(0).optional(),
    })
    .refine(given => given.warmup_steps === undefined || given.warmup_epochs === undefined, {
      path: ['warmup_steps'],
      message: 'give warmup_steps or warmup_epochs, one of the two',
    });

const schedules = [
  decay('linear'),
  decay('cosine'),
  z.strictObject({
    type: z.literal('one_cycle'),
    peak: z.number().positive(),
    ...length,
    rise_share: z.number().positive().optional(),
    start_divisor: z.number().positive().optional(),
    tail_share: z.number().min(0).optional(),
    final: z.number().min(0).optional(),
  }),
] as const;

const oneSchedule = z.discriminatedUnion('type', schedules).refine(...lengthRule);

/** One schedule, or a list of them, one after the other. */
const schedule = z.union([oneSchedule, z.array(oneSchedule).min(1)]);

export type ScheduleFile = z.infer<typeof oneSchedule>;

const batchNorm = z.strictObject({
  epsilon: z.number().positive().optional(),
  momentum: z.number().min(0).lt(1).optional(),
});

/** `model_parameters` of a model by its own name (module 'models'). */
export const ownModelParameters = z.strictObject({
  shortcut: z.enum(SHORTCUTS).optional(),
  dropout: z.number().min(0).lt(1).optional(),
  padding: z.enum(['same', 'symmetric']).optional(),
  pretrained: z.union([z.boolean(), z.string()]).optional(),
  batchNorm: batchNorm.optional(),
});

const trainParameters = z
  .strictObject({
    // The Python project's.
    logdir: z.string().min(1),
    run_name: z.string().regex(/^[^./\\][^/\\]*$/, 'give a name without slashes, it names folders and files'),
    log_interval: count.optional(),
    val_interval: z.number().int().min(0).optional(),
    lr_values: z.array(z.number().min(0)).min(1).optional(),
    lr_boundaries: z.array(count).min(1).optional(),
    nesterov: z.boolean().optional(),
    batch_size: count.optional(),
    // This project's.
    momentum: z.number().min(0).lt(1).optional(),
    weight_decay: z.number().min(0).optional(),
    decayed: z.enum(['kernels', 'all']).optional(),
    label_smoothing: z.number().min(0).lt(1).optional(),
    augment: z.boolean().optional(),
    ema: z.number().min(0).lt(1).optional(),
    swa: z.boolean().optional(),
    precision: z.enum(PRECISIONS).optional(),
    seed: z.number().int().min(0).optional(),
    holdout: z.number().int().min(0).max(49_999).optional(),
    schedule: schedule.optional(),
  })
  .superRefine(({ lr_values: values, lr_boundaries: boundaries }, context) => {
    const [rates, ends] = [values?.length ?? 4, boundaries?.length ?? 4]; // 4: the default's
    if (rates === ends) return;
    context.addIssue({
      code: 'custom',
      path: [boundaries ? 'lr_boundaries' : 'lr_values'],
      message:
        `${ends} boundaries${boundaries ? '' : ' (the default)'} do not match ${rates} values${values ? '' : ' (the default)'}; ` +
        'each rate needs the step at which it ends',
    });
  });

/** One document of an experiment file. */
export const experimentSchema = z.strictObject({
  module: z.enum(['Models.Resnets', 'Models.VGGs', 'models']),
  model: z.string(),
  model_parameters: z.record(z.string(), z.unknown()).nullish(),
  train_parameters: trainParameters,
  skip_error_test: z.boolean().optional(),
  recipe: z.enum(['paper', 'seed', 'short', 'modern']).optional(),
  description: z.string().optional(),
});

export type ExperimentFile = z.infer<typeof experimentSchema>;

/** The keys that are known in the mapping at `at` of a document; of a schedule, those of every type. */
export function knownKeys([first, second]: readonly PropertyKey[]): string[] {
  if (first === undefined) return Object.keys(experimentSchema.shape);
  if (first === 'model_parameters')
    return Object.keys(second === undefined ? ownModelParameters.shape : batchNorm.shape);
  if (second === undefined) return Object.keys(trainParameters.shape);
  return schedules.flatMap(({ shape }) => Object.keys(shape));
}
