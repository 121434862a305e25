import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { currentReport, withResults } from '../../scripts/report/readme';
import { report } from '../../scripts/report/tables';
import { findModel, MODELS } from '../../src/models';
import { readExperiments } from '../../src/train';
import { readRecords, type RunRecord } from '../../src/train/record';
import { AIRBENCH94, readSpeedruns, writeSpeedrun } from '../../src/train/speedrun';

const root = path.join(__dirname, '..', '..');

function record(fields: Partial<RunRecord>): RunRecord {
  return {
    ...{ name: 'run', model: 'resnet20_v1', parameters: 269_722, recipe: 'paper', experiment: 'experiments/x.yaml' },
    ...{ config: {}, commit: '0123456789abcdef', backend: 'xla', device: 'a device', precision: 'float32' },
    ...{ steps: 64_000, epochs: 163.84, seed: 1, startedAt: '', finishedAt: '', seconds: 7200, imagesPerSecond: 1000 },
    ...{ finalTestError: 8.25, bestTestError: 8.125, trainError: 0.5, validatedOn: 'test set' },
    ...{ normalization: { mean: [], std: [] }, curve: [] },
    ...fields,
  };
}

/** The cells of the first row that begins with this one. */
function cells(text: string, first: string): string[] {
  const line = text.split('\n').find(each => each.startsWith(`| ${first} |`));
  return (line ?? '').split('|').slice(2, -1).map(cell => cell.trim()); // prettier-ignore
}

const tables = (...records: RunRecord[]) =>
  report({ models: MODELS, records, speedruns: [], shipped: new Map([['vgg11', { run: 'vgg', testError: 8 }]]) });

describe('README', () => {
  test('shows what the records say (else: npm run report)', () => {
    const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');
    expect(readme).toBe(withResults(readme, currentReport(root)));
  });

  test('every record is of a model of the registry and ends at its last step', () => {
    for (const each of readRecords(path.join(root, 'records'))) {
      expect(each.parameters).toBe(findModel(each.model).parameters);
      const last = each.curve[each.curve.length - 1];
      expect(last.step).toBe(each.steps);
      if (each.validatedOn === 'test set') {
        expect(last.testError).toBe(each.finalTestError);
        expect(Math.min(...each.curve.flatMap(({ testError }) => testError ?? []))).toBe(each.bestTestError);
      }
    }
  });
});

test('a row without a record says so; papers and the Python project are quoted', () => {
  expect(cells(tables(), 'ResNet20 v1')).toEqual(['269.7 k', '8.75 best', '8.39–8.55', '*to be run*', '', '*to be run*']); // prettier-ignore
  expect(cells(tables(), 'ResNet110 v1')[1]).toBe('6.61 (best 6.43)');
  expect(cells(tables(), 'ResNet1001').slice(1, 3)).toEqual(['4.92', '']);
  expect(cells(tables(), 'VGG11 ★')).toHaveLength(6);
});

test('the final error is the number, the best on test stands beside it as such', () => {
  const text = tables(record({}), record({ name: 'quick', recipe: 'short', finalTestError: 8.9, bestTestError: 8.9 }));
  expect(cells(text, 'ResNet20 v1').slice(3)).toEqual(['**8.25** (8.13)', '**8.90** (8.90)', '*to be run*']);
  expect(cells(text, '[run](records/run.json)')).toEqual(
    ['resnet20_v1', '[paper](experiments/x.yaml)', '1', '164', '8.25', '8.13', 'a device', 'float32', '1138', '2.00', '`0123456`'], // prettier-ignore
  );
});

test('shipped weights whose error in float32 is not that of their run have both numbers below the table', () => {
  const vgg = record({ name: 'vgg', model: 'vgg11', finalTestError: 8, precision: 'mixed_bfloat16' });
  expect(tables(vgg)).toContain('★: weights shipped (`pretrained: true`).\n');
  expect(tables({ ...vgg, finalTestError: 7.96 })).toContain(
    " Their error in float32, where it differs from the run's: VGG11 8.00 (mixed_bfloat16: 7.96).\n",
  );
});

test('several seeds give mean and deviation, and no best', () => {
  const errors = [8, 8.5, 9];
  const text = tables(...errors.map((finalTestError, seed) => record({ name: `run${seed}`, seed, finalTestError })));
  expect(cells(text, 'ResNet20 v1')[3]).toBe('**8.50** ± 0.50, 3 runs');
});

test('runs of one file whose settings were changed in between are no seeds of one recipe', () => {
  const run = (seed: number, weight_decay: number, finalTestError: number) => {
    const train_parameters = { run_name: `run${seed}`, seed, weight_decay };
    return record({ name: `run${seed}`, seed, finalTestError, config: { model: 'm', train_parameters } });
  };
  expect(cells(tables(run(1, 1e-4, 8), run(2, 1e-4, 9)), 'ResNet20 v1')[3]).toBe('**8.50** ± 0.71, 2 runs');
  expect(cells(tables(run(1, 1e-4, 8), run(2, 5e-4, 9)), 'ResNet20 v1')[3]).toBe('**8.00** (8.13)');
});

test('two seeds of an experiment file are one recipe, whatever the order of the keys', () => {
  const file = 'experiments/resnet20_v1_short.yaml';
  const records = [1, 2].map(seed => {
    const { name, config } = readExperiments(path.join(root, file), seed)[0];
    return record({ name, config, seed, finalTestError: 8 + seed });
  });
  const { train_parameters, ...others } = records[0].config as { train_parameters: object };
  const turned = Object.fromEntries(Object.entries(train_parameters).reverse());
  for (const first of [records[0], { ...records[0], config: { train_parameters: turned, ...others } }])
    expect(cells(tables(first, records[1]), 'ResNet20 v1')[3]).toBe('**9.50** ± 0.71, 2 runs');
});

test('a run in another precision is not averaged in, whether its file or the command line asked for it', () => {
  const run = (name: string, precision: string, asked?: string) =>
    record({ name, precision, config: { train_parameters: { run_name: name, precision: asked } } });
  const errors = (...records: RunRecord[]) => cells(tables(...records), 'ResNet20 v1')[3];
  expect(errors(run('a', 'float32'), run('b', 'mixed_bfloat16'))).toBe('**8.25** (8.13)');
  expect(errors(run('a', 'mixed_bfloat16', 'mixed_bfloat16'), run('b', 'mixed_bfloat16'))).toContain('2 runs');
});

test('of several experiments the longest counts, not the best', () => {
  const short = record({ recipe: 'short', steps: 10, finalTestError: 8, experiment: 'experiments/short.yaml' });
  const longer = record({ recipe: 'short', steps: 12, finalTestError: 9, experiment: 'experiments/longer.yaml' });
  const text = tables(short, { ...longer, seed: 2, finalTestError: 10 }, longer);
  expect(cells(text, 'ResNet20 v1')[4]).toBe('**9.50** ± 0.71, 2 runs');
});

test('a speedrun has a table of its own; a damaged record of one is named', () => {
  const recipe = { ...AIRBENCH94, epochs: 9.9 };
  const result = { recipe, precision: 'float32' as const, seed: 0, steps: 475, curve: [] };
  const times = { trainSeconds: 2.5, compileSeconds: 75.11, testError: 5.77, plainTestError: 6.62 };
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'speedruns-'));
  const named = { name: 'h100', commit: '0123456789abcdef+', device: 'a device', date: '' };
  writeSpeedrun(folder, { ...named, ...result, ...times });
  const text = report({ models: MODELS, records: [], speedruns: readSpeedruns(folder), shipped: new Map() });
  expect(cells(text, '[h100](records/speedrun/h100.json)')).toEqual(
    ['9.9', '94.23 % (93.38 %)', '475', '2.50 s', '–', '75.1 s', '0', 'a device', 'float32', '`0123456+`'], // prettier-ignore
  );
  writeSpeedrun(folder, { ...named, ...result, ...times, viewsSeconds: 0.254 });
  const measured = report({ models: MODELS, records: [], speedruns: readSpeedruns(folder), shipped: new Map() });
  expect(cells(measured, '[h100](records/speedrun/h100.json)')[4]).toBe('0.25 s');
  for (const damaged of ['{"name":', '{}', 'null']) {
    fs.writeFileSync(path.join(folder, 'h100.json'), damaged);
    expect(() => readSpeedruns(folder)).toThrow(/h100.json is not the record of a speedrun/);
  }
  fs.rmSync(folder, { recursive: true });
  expect(readSpeedruns(folder)).toEqual([]);
});

test('a README without marks is not touched', () => {
  expect(withResults('a\n<!-- results -->\nold\n<!-- /results -->\nb', 'new')).toBe(
    'a\n<!-- results -->\n\nnew\n\n<!-- /results -->\nb',
  );
  for (const text of ['a', '<!-- /results --> <!-- results -->'])
    expect(() => withResults(text, 'new')).toThrow(/README.md has no lines <!-- results -->/);
});
