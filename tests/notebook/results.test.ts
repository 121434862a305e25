import { findModel } from '../../src/models';
import { resultRows, sortedRuns } from '../../src/notebook';
import { type RunRecord } from '../../src/train/record';

const run = {
  name: 'resnet20_v1_modern',
  model: 'resnet20_v1',
  recipe: 'modern',
  epochs: 30.4,
  backend: 'xla',
  device: 'cpu',
  commit: '0123456789abcdef+',
  finalTestError: 8.4,
} as RunRecord;

test('a model with a run has our number and where it comes from, one without says so', () => {
  const entries = ['resnet20_v1', 'resnet110_v1', 'resnet20_v2', 'wrn_28_10'].map(findModel);
  expect(resultRows(entries, [run])).toEqual([
    [
      'ResNet20 v1',
      269_722,
      '40.6 M',
      '8.75 %',
      '8.40 %',
      'resnet20_v1_modern: recipe "modern", 30 epochs, xla on cpu, commit 01234567',
    ],
    [
      'ResNet110 v1',
      1_727_962,
      '253 M',
      '6.43 % (mean 6.61 %)',
      'not run yet',
      'experiments/resnet110_v1.yaml',
    ],
    ['ResNet20 v2', 269_722, '40.6 M', '–', 'not run yet', 'experiments/resnet20_v2.yaml'],
    ['WRN-28-10', 36_479_194, '5.24 G', '4.00 %', 'not run yet', 'experiments/wrn_28_10.yaml'],
  ]);
});

test("runs are listed by recipe, the papers' first, then by model, experiment and seed", () => {
  const of = (name: string, model: string, recipe: RunRecord['recipe'], file: string, seed: number) =>
    ({ ...run, name, model, recipe, experiment: `experiments/${file}.yaml`, seed }) as RunRecord;
  const listed = [
    of('a', 'resnet20_v1', 'paper', 'resnet20_v1', 1),
    of('b', 'vgg11', 'short', 'vgg11_short', 1),
    of('c', 'resnet20_v1', 'short', 'resnet20_v1_short', 1),
    of('d', 'resnet20_v1', 'short', 'resnet20_v1_short_swa', 1),
    of('e', 'resnet20_v1', 'short', 'resnet20_v1_short_swa', 2),
    of('f', 'vgg11', 'modern', 'vgg11_modern', 1),
    of('g', 'vgg11', undefined, 'own', 1),
  ];
  for (const order of [
    [6, 5, 4, 3, 2, 1, 0],
    [4, 0, 6, 3, 1, 5, 2],
  ])
    // prettier-ignore
    expect(sortedRuns(order.map(i => listed[i]))).toEqual(listed);
  const rows = resultRows([findModel('resnet20_v1')], [listed[4], listed[3], listed[0]]);
  expect(rows.map(row => String(row[5]).slice(0, 2))).toEqual(['a:', 'd:', 'e:']);
});
