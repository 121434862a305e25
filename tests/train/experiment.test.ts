import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../../src/errors';
import { MODELS } from '../../src/models';
import { parseExperiments, readExperiments } from '../../src/train';
import { totalSteps } from '../../src/train/schedule';

/** experiments.yaml of the Python project, as it stands there, and its README's first example. */
const SEED = `module: 'Models.Resnets'
model: 'cifar_resnet110'
model_parameters:
    block_type: 'original'
    shortcut_type: 'A'
train_parameters:
    logdir: 'logs'
    run_name: 'my_cifar_resnet110'
    log_interval: 200
    val_interval: 2000
---
module: 'Models.Resnets'
model: 'cifar_resnet164'
model_parameters:
    block_type: 'bootleneck'
    shortcut_type: 'B'
train_parameters:
    logdir: 'logs'
    run_name: 'my_cifar_resnet164'
    log_interval: 200
    val_interval: 2000
---
module: 'Models.Resnets'
model: 'WRN_40_4'
model_parameters: {}
train_parameters:
    logdir: 'logs'
    run_name: 'my_WRN_40_4'
    log_interval: 400
    val_interval: 4000
    lr_values: [0.1, 0.02, 0.004, 0.0008]
    lr_boundaries: [24000, 48000, 64000, 80000]
    nesterov: True
---
module: 'Models.Resnets'      # .py file with models (required)
model: 'cifar_resnet110'      # function that creates model (required)
model_parameters:
    shortcut_mode: 'A'        # A or B as in Deep Residual Learning for Image Recognition
    block_type: 'original'    # original for Resnet v1, preactivated for Resnet v2
train_parameters:
    logdir: 'logs'            # folder for tensorboard (required)
    run_name: 'resnet110_v1'  # name of the run in tensorboard (required)
    log_interval: 400         # how often statistics are printed and saved to tensorboard
    val_interval: 4000        # how often validation on the test set is done
skip_error_test: False        # whether to skip a quick run before beginning the actual training
`;

test("the Python project's files run unchanged", () => {
  const [v1, bottleneck, wide, readme] = parseExperiments(SEED, 'experiments.yaml');
  expect(v1).toMatchObject({ name: 'my_cifar_resnet110', model: 'resnet110_v1', skipErrorTest: false });
  expect(v1.options).toMatchObject({
    schedule: {
      type: 'piecewise',
      values: [0.01, 0.1, 0.01, 0.001],
      boundaries: [400, 32000, 48000, 64000],
    },
    ...{ batchSize: 128, momentum: 0.9, nesterov: false, logInterval: 200, validationInterval: 2000 },
    weightDecay: 2e-4, // its l2_reg of 1e-4, without the ½ of the papers
    logDir: path.join('logs', 'my_cifar_resnet110'),
  });
  expect(bottleneck.model).toBe('resnet164');
  expect(wide.model).toBe('wrn_40_4');
  expect(wide.options).toMatchObject({ nesterov: true, weightDecay: 5e-4, logInterval: 400 });
  expect(totalSteps(wide.options.schedule)).toBe(80000);
  expect(readme.model).toBe('resnet110_v1');
});

const minimal = (train: string, more = ''): string => `module: Models.Resnets
model: cifar_resnet20
model_parameters:
  shortcut_type: A
train_parameters:
  logdir: logs
  run_name: x
  ${train}
${more}`;

const byOwnName = (parameters: string): string => `module: models
model: resnet20_v2
model_parameters:
  ${parameters}
train_parameters: { logdir: logs, run_name: x, weight_decay: 0 }`;

/** A list of lists of … of ones, each of which repeats the one before nine times. */
function laughs(depth: number): string {
  const lists = Array.from({ length: depth }, (_, i) => `&a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`);
  return `[&a0 [1, 1, 1, 1, 1, 1, 1, 1, 1], ${lists.join(', ')}]`;
}

test.each<[string, string, string | RegExp]>([
  [
    'an unknown key',
    minimal('log_intervall: 5'),
    "f.yaml:8: train_parameters.log_intervall: there is no such key (did you mean 'log_interval'?)",
  ],
  ['a wrong type', minimal('nesterov: maybe'), 'f.yaml:8: train_parameters.nesterov'],
  [
    'boundaries that do not match',
    minimal('lr_boundaries: [1, 2]'),
    'f.yaml:8: train_parameters.lr_boundaries: 2 boundaries',
  ],
  [
    'values that do not match',
    minimal('lr_values: [0.1]'),
    'f.yaml:8: train_parameters.lr_values: 4 boundaries (the default)',
  ],
  [
    'falling boundaries',
    minimal('lr_boundaries: [400, 300, 500, 600]'),
    'f.yaml:8: Schedule: boundaries[1] is 300',
  ],
  ['an unknown model', minimal('').replace('resnet20', 'resnet21'), "f.yaml:2: model is 'cifar_resnet21'"],
  ['an unknown module', minimal('').replace('Resnets', 'Resnet'), 'f.yaml:1: module'],
  [
    'a model parameter',
    minimal('').replace('shortcut_type', 'shortcut_typ'),
    "f.yaml:4: model_parameters has no option 'shortcut_typ' (did you mean 'shortcut_type'?); its options are ",
  ],
  ['a bad shortcut', minimal('').replace('type: A', 'type: C'), 'f.yaml:4: model_parameters.shortcut_type'],
  ['a missing key', minimal('').replace('  run_name: x\n', ''), 'f.yaml:5: train_parameters.run_name'],
  ['broken YAML', minimal('lr_values: [0.1'), 'f.yaml:'],
  [
    'a misspelt key of a schedule',
    minimal('schedule: { type: linear, peak: 1, steps: 5, warmup_step: 1 }'),
    "f.yaml:8: train_parameters.schedule.warmup_step: there is no such key (did you mean 'warmup_steps'?)",
  ],
  [
    'a misspelt key of the document',
    `recpie: x\n${minimal('')}`,
    "f.yaml:1: recpie: there is no such key (did you mean 'recipe'?)",
  ],
  ['a key that is like no other', `other: x\n${minimal('')}`, /^f\.yaml:1: other: there is no such key$/],
  [
    'a wrong part of a schedule',
    minimal('schedule: [{ type: linear, peak: 1, steps: 5 }, { type: linear, peak: -1, steps: 5 }]'),
    'f.yaml:8: train_parameters.schedule.1.peak: ',
  ],
  [
    'a schedule without length',
    minimal('schedule: { type: linear, peak: 1 }'),
    'f.yaml:8: train_parameters.schedule: give steps or epochs',
  ],
  [
    'two schedules',
    minimal('schedule: { type: linear, peak: 1, steps: 5 }', '  lr_values: [1, 1, 1, 1]'),
    'exclude each other',
  ],
  ['a key given twice', minimal('run_name: y'), 'f.yaml:8: '],
  ['a second document', `${SEED}---\n${minimal('seed: -1')}`, 'f.yaml:54: train_parameters.seed'],
  ['a name given twice', `${minimal('')}---\n${minimal('')}`, "f.yaml:16: run_name 'x' was given above"],
  [
    'weight decay and l2',
    minimal('weight_decay: 1').replace('shortcut_type: A', 'l2_reg: 1'),
    'say the same',
  ],
  [
    'an alias without anchor',
    minimal('seed: *other'),
    'f.yaml:8: the alias *other repeats nothing: put the anchor &other above it, in the same document.',
  ],
  [
    'an anchor of another document',
    `${minimal('seed: &seed 1')}---\n${minimal('seed: *seed')}`,
    'f.yaml:17: the alias *seed repeats nothing',
  ],
  ['too many aliases', minimal(`lr_values: ${laughs(9)}`), 'f.yaml:8: aliases repeat too much'],
  ['what can not be merged', minimal('<<: 5'), 'f.yaml:8: << takes a mapping or an alias of one'],
  [
    'a wrong value that is merged in',
    minimal('schedule: [&a { type: cosine, peak: -1, steps: 5 },', '    { <<: *a, steps: 6 }]'),
    'f.yaml:8: train_parameters.schedule.0.peak: Too small: expected number to be >0; f.yaml:9: train_parameters.schedule.1.peak: ',
  ],
  ['an empty document', '---\n---\n', 'f.yaml:1: an empty document: write an experiment below the ---'],
  ['an empty document at the end', `${minimal('')}---\n`, 'f.yaml:9: an empty document'],
  [
    'a warm-up given twice',
    minimal('schedule: { type: linear, peak: 1, steps: 5, warmup_steps: 1, warmup_epochs: 0 }'),
    'f.yaml:8: train_parameters.schedule.warmup_steps: give warmup_steps or warmup_epochs, one of the two',
  ],
  [
    'a negative l2',
    minimal('').replace('shortcut_type: A', 'l2_reg: -1'),
    'f.yaml:4: model_parameters.l2_reg is -1; give a number of at least 0.',
  ],
  [
    'too much dropout',
    minimal('').replace('shortcut_type: A', 'dropout: 1'),
    'f.yaml:4: model_parameters.dropout is 1; give a number of at least 0 and below 1.',
  ],
  [
    'a parameter of a model by its own name',
    byOwnName('dropot: 0.1'),
    "f.yaml:4: model_parameters.dropot: there is no such key (did you mean 'dropout'?)",
  ],
  [
    'a parameter within one',
    byOwnName('batchNorm: { epsilom: 0.1 }'),
    "f.yaml:4: model_parameters.batchNorm.epsilom: there is no such key (did you mean 'epsilon'?)",
  ],
  ['a name that leaves the folder', minimal('').replace('run_name: x', 'run_name: ../x'), 'f.yaml:7: '],
])('%s is named with file and line', (_what, text, message) => {
  expect(() => parseExperiments(text, 'f.yaml')).toThrow(UserError);
  expect(() => parseExperiments(text, 'f.yaml')).toThrow(message);
});

test('merge keys are what PyYAML makes of them: what is given beside them goes before, the first of several before the others', () => {
  const parts = [
    '&a { type: cosine, peak: 0.1, steps: 5, warmup_steps: 1 }',
    '&b { <<: *a, peak: 0.2 }',
    '{ steps: 7, <<: [*b, *a] }',
  ];
  const [{ options, config }] = parseExperiments(minimal(`schedule: [${parts.join(', ')}]`), 'f');
  expect(options.schedule).toMatchObject({
    parts: [
      { peak: 0.1, steps: 5, warmupSteps: 1 },
      { peak: 0.2, steps: 5, warmupSteps: 1 },
      { peak: 0.2, steps: 7, warmupSteps: 1 },
    ],
  });
  const merged = { type: 'cosine', peak: 0.2, steps: 7, warmup_steps: 1 };
  expect(config).toMatchObject({ train_parameters: { schedule: [{}, {}, merged] } });
});

test('another seed makes a run of its own, of the same experiment', () => {
  const read = (seed?: number) => readExperiments('experiments/resnet20_v1_short.yaml', seed)[0];
  const [own, given, second] = [read(), read(1), read(2)];
  expect(given).toMatchObject({ name: 'resnet20-short', config: own.config });
  expect(second).toMatchObject({ name: 'resnet20-short-seed2', file: own.file });
  expect(second.options).toEqual({
    ...own.options,
    seed: 2,
    logDir: path.join('logs', 'resnet20-short-seed2'),
  });
  expect(second.config).toMatchObject({
    recipe: 'short',
    train_parameters: { seed: 2, run_name: 'resnet20-short-seed2', batch_size: 128 },
  });
});

test('epochs become steps, those of the training images that are left', () => {
  const text = minimal('schedule: { type: cosine, peak: 0.1, epochs: 10, warmup_epochs: 1 }');
  expect(parseExperiments(text, 'f')[0].options.schedule).toMatchObject({ steps: 3906, warmupSteps: 391 });
  const held = minimal(
    'holdout: 5000',
    '  schedule: { type: one_cycle, peak: 0.1, epochs: 10, rise_share: 0.3 }',
  );
  const [experiment] = parseExperiments(held, 'f');
  expect(experiment.options.schedule).toMatchObject({ steps: 3516, riseShare: 0.3 });
  expect(experiment.holdout).toBe(5000);
});

const folder = path.join(__dirname, '../../experiments');
const files = fs.readdirSync(folder).filter(file => file.endsWith('.yaml') && file !== 'queue.yaml');

test.each(files)('%s: the config of another seed is its own but for seed and name', file => {
  const SEED_GIVEN = 4321;
  const own = readExperiments(path.join(folder, file));
  const given = readExperiments(path.join(folder, file), SEED_GIVEN);
  expect(given).toHaveLength(own.length);
  own.forEach(({ config, name }, i) => {
    const { train_parameters, ...others } = config as { train_parameters: object };
    const expected = { ...others, train_parameters: { ...train_parameters, seed: SEED_GIVEN, run_name: `${name}-seed${SEED_GIVEN}` } }; // prettier-ignore
    expect(JSON.stringify(given[i].config)).toBe(JSON.stringify(expected)); // the order of the keys, too
  });
});

test("every model of the table has its paper's recipe and one of today", () => {
  const experiments = files.flatMap(file => readExperiments(path.join(folder, file)));
  const of = (...recipes: string[]) =>
    experiments.filter(({ recipe }) => recipes.includes(recipe ?? '')).map(({ model }) => model);
  const all = MODELS.map(({ name }) => name).sort();
  expect(of('paper', 'seed').sort()).toEqual(all);
  expect(of('modern').sort()).toEqual(all);
  const names = experiments.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test.each(files)('%s begins with the command that runs it', file => {
  expect(fs.readFileSync(path.join(folder, file), 'utf8')).toMatch(
    new RegExp(`^# npm run -s cifar -- run experiments/${file}( --records \\S+)?\n`),
  );
});
