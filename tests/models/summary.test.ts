import { createModel, formatSummary, resnet, resnext, summarize, wideResnet } from '../../src/models';

describe('summarize', () => {
  // Published by pytorchcv for the same architectures; its FLOPs/2 also count batch norm and activations, about one percent.
  test.each([
    [
      'ResNet-20 with projections',
      () => resnet({ depth: 20, shortcut: 'B_original', initializer: 'zeros' }),
      272_474,
      41.29e6,
    ],
    [
      'ResNet-110 with projections',
      () => resnet({ depth: 110, shortcut: 'B_original', initializer: 'zeros' }),
      1_730_714,
      255.7e6,
    ],
    [
      'PreResNet-20',
      () => createModel('resnet20_v2', { shortcut: 'B', initializer: 'zeros' }),
      272_282,
      41.27e6,
    ],
    [
      'PreResNet-110',
      () => createModel('resnet110_v2', { shortcut: 'B', initializer: 'zeros' }),
      1_730_522,
      255.68e6,
    ],
    ['WRN-16-10', () => wideResnet({ depth: 16, width: 10, initializer: 'zeros' }), 17_116_634, 2414.04e6],
    ['WRN-40-8', () => wideResnet({ depth: 40, width: 8, initializer: 'zeros' }), 35_748_314, 5176.9e6],
    [
      'ResNeXt-29 32x4d',
      () => resnext({ depth: 29, cardinality: 32, groupWidth: 4, initializer: 'zeros' }),
      4_775_754,
      780.55e6,
    ],
    [
      'ResNeXt-29 16x64d',
      () => createModel('resnext29_16x64d', { initializer: 'zeros' }),
      68_155_210,
      10709.34e6,
    ],
  ])('%s agrees with the published figures', (_, build, parameters, flops) => {
    const model = build();
    const summary = summarize(model);
    expect(summary.parameters).toBe(parameters);
    expect(summary.multiplyAdds / flops).toBeGreaterThan(0.985);
    expect(summary.multiplyAdds / flops).toBeLessThanOrEqual(1);
    model.dispose();
  });

  test.each([
    [32, 466_906],
    [44, 661_338],
    [56, 855_770],
  ])('ResNet-%d v1 with projections and their batch norm has %d parameters', (depth, parameters) => {
    const model = resnet({ depth, shortcut: 'B_original', initializer: 'zeros' });
    expect(summarize(model).parameters).toBe(parameters);
    model.dispose();
  });

  test('ResNet-20, layer by layer', () => {
    const { layers, receptiveField, state } = summarize(createModel('resnet20_v1'));
    const byName = new Map(layers.map(layer => [layer.name, layer]));
    // 3×3 kernels by hand: in · out · 9
    expect(byName.get('stem/conv')!.parameters).toBe(3 * 16 * 9);
    expect(byName.get('stage1/block3/conv2')!.parameters).toBe(16 * 16 * 9);
    expect(byName.get('stage2/block1/conv1')!.parameters).toBe(16 * 32 * 9);
    expect(byName.get('stage2/block1/conv1')!.multiplyAdds).toBe(16 * 32 * 9 * 16 * 16);
    expect(byName.get('stage3/block2/bn1')!.parameters).toBe(2 * 64);
    expect(byName.get('stage2/block1/shortcut')!.parameters).toBe(0);
    expect(byName.get('logits')!.parameters).toBe(64 * 10 + 10);
    expect(byName.get('stage3/block1/add')!.outputShape).toEqual([null, 8, 8, 64]);
    // 1 + 2·(1 + 6) + (2 + 4·5) + (4 + 8·5) = 81: each 3×3 adds twice the pixels between places of its input
    expect(receptiveField).toBe(1 + 2 * 7 + (2 + 4 * 5) + (4 + 8 * 5));
    expect(state).toBe(2 * (16 * 7 + 32 * 6 + 64 * 6));
  });

  test('the text has a line a layer and the totals', () => {
    const text = formatSummary(summarize(createModel('resnet20_v1')));
    expect(text).toMatch(/^stage2\/block1\/conv1 +conv 3×3, 32, stride 2 +16×16×32 +4,608 +1,179,648 +17$/m);
    expect(text).toMatch(/resnet20_v1: 269,722 parameters .*40\.6 M multiply-adds .* 81×81$/);
  });
});
