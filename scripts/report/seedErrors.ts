/**
 * Test errors (percent) that the Python project "CIFAR vs Tensorflow 2.0", which this one re-creates, gives in the last column of
 * its README's table.
 */
export const SEED_ERRORS: Readonly<Record<string, string>> = {
  vgg11: '8.37',
  vgg13: '6.17',
  vgg16: '6.55',
  vgg19: '6.72',
  resnet20_v1: '8.39–8.55',
  resnet32_v1: '7.46',
  resnet44_v1: '7.08',
  resnet56_v1: '6.68',
  resnet110_v1: '6.59',
  resnet20_v2: '7.92',
  resnet32_v2: '7.16',
  resnet44_v2: '7.07',
  resnet56_v2: '6.77',
  resnet110_v2: '5.89–6.10',
  resnet164: '5.36',
  wrn_40_4: '4.46',
};
