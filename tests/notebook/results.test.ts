import { findModel } from '../../src/models';
import { resultRows } from '../../src/notebook';
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
  const entries = ['resnet20_v1', 'resnet110_v1', 'resnet20_v2'].map(findModel);
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
    ['ResNet20 v2', 272_282, '40.8 M', '–', 'not run yet', 'experiments/resnet20_v2.yaml'],
  ]);
});
