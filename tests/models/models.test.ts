import * as tf from '@tensorflow/tfjs';
import { createModel, fromSeed, resnet, resnext, vgg, wideResnet } from '../../src/models';
import { parameterCount } from './helpers';

beforeAll(() => tf.setBackend('cpu'));

describe('names', () => {
  test('are the same each time and tell the place', () => {
    const names = () => createModel('resnet20_v1', { initializer: 'zeros' }).layers.map(layer => layer.name);
    const [first, second] = [names(), names()];
    expect(second).toEqual(first);
    expect(first).toContain('stage2/block1/shortcut');
    expect(new Set(first).size).toBe(first.length);
  });
});

describe('initial weights', () => {
  const kernel = (model: tf.LayersModel, layer: string) => model.getLayer(layer).getWeights()[0].dataSync();

  const models: [string, () => tf.LayersModel][] = [
    ['vgg11', () => vgg({ depth: 11, seed: 3, stages: [[64], [128]] })],
    ['resnet20_v1', () => createModel('resnet20_v1', { seed: 3 })],
    ['resnet164', () => resnet({ depth: 20, blockType: 'bottleneck', seed: 3 })],
    ['wrn_16_4', () => createModel('wrn_16_4', { seed: 3 })],
    ['resnext', () => resnext({ depth: 11, cardinality: 8, groupWidth: 4, seed: 3 })],
  ];

  test.each(models)('%s: every kernel is N(0, 2 / fan-in)', (_, build) => {
    const model = build();
    const kernels = model.layers.flatMap(layer => layer.getWeights().filter(w => w.shape.length > 1));
    expect(kernels.length).toBeGreaterThan(2);
    for (const weight of kernels) {
      const values = Array.from(weight.dataSync());
      const fanIn = weight.shape.slice(0, -1).reduce((a, b) => a * b, 1);
      const std = Math.sqrt(2 / fanIn);
      const moment = (k: number, about = 0) =>
        values.reduce((sum, v) => sum + (v - about) ** k, 0) / values.length;
      const mean = moment(1);
      const variance = moment(2, mean);
      const kurtosis = moment(4, mean) / variance ** 2;
      const sigma = 1 / Math.sqrt(values.length); // of the mean, in units of std; the others' are small multiples
      expect(Math.abs(mean / std)).toBeLessThan(5 * sigma);
      expect(Math.abs(variance / std ** 2 - 1)).toBeLessThan(5 * Math.SQRT2 * sigma);
      // tfjs's truncated normal has 2.1; a short sample's kurtosis is skewed, so only long ones are judged
      if (values.length > 4000) expect(Math.abs(kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24) * sigma);
    }
    model.dispose();
  });

  test('biases and β start at 0, γ and the moving variance at 1', () => {
    const model = vgg({ depth: 11, stages: [[4]] });
    const start = (layer: string) =>
      model
        .getLayer(layer)
        .getWeights()
        .map(w => Array.from(w.dataSync()));
    expect(start('stage1/conv1')[1]).toEqual([0, 0, 0, 0]);
    expect(start('stage1/bn1')).toEqual([1, 0, 0, 1].map(value => Array(4).fill(value)));
  });

  test('equal seeds give equal weights, other seeds and layers other ones', () => {
    const [a, b, c] = [1, 1, 2].map(seed => resnet({ depth: 8, seed }));
    const layer = 'stage1/block1/conv1';
    expect(kernel(a, layer)).toEqual(kernel(b, layer));
    expect(kernel(a, layer)).not.toEqual(kernel(c, layer));
    expect(kernel(a, layer)).not.toEqual(kernel(a, 'stage1/block1/conv2'));
    expect(kernel(resnet({ depth: 8 }), layer)).not.toEqual(kernel(resnet({ depth: 8 }), layer));
  });
});

describe('options', () => {
  test.each([
    [() => resnet({ depth: 21 }), /depth is 21; 'original' ResNets have 6n\+2 layers: give 20 or 26/],
    [() => resnet({ depth: 22, blockType: 'bottleneck' }), /9n\+2 layers: give 20 or 29/],
    [() => wideResnet({ depth: 20, width: 4 }), /depth is 20; wide ResNets have 6n\+4 layers: give 16 or 22/],
    [() => wideResnet({ depth: 16, width: 0.5 }), /width is 0.5; give a whole number/],
    [() => resnext({ depth: 30, cardinality: 8, groupWidth: 64 }), /depth is 30; ResNeXts have 9n\+2/],
    [() => vgg({ depth: 12 }), /depth is 12; VGG has 11, 13, 16, 19 layers/],
    [() => createModel('vgg11', { shortcut: 'A' }), /vgg has no option 'shortcut'/],
    [() => createModel('resnet20_v1', { dropout: 0.3 }), /'original' blocks have none/],
    [
      () => createModel('resnet20_v1', { shortcut: 'C' as 'A' }),
      /shortcut is 'C'; give one of 'A', 'B', 'B_original', 'none'/,
    ],
    [() => createModel('resnet20_v2', { shortcut: 'B_original' }), /belongs to 'original' blocks/],
    [() => createModel('resnet20_v1', { classes: 0 }), /classes is 0/],
    [() => createModel('resnet20_v1', { batchNorm: { momentum: 1 } }), /momentum is 1/],
    [() => createModel('resnet20_v1', { pretrained: 'nowhere.safetensors' }), /There is no file 'nowhere/],
  ])('%#: a wrong one is one clear line', (build, message) => {
    expect(build).toThrow(message);
    expect(build).toThrow(expect.objectContaining({ name: 'UserError' }));
  });

  test('classes, image size, batch norm, L2 and symmetric padding reach the layers', () => {
    const options = { depth: 8, classes: 7, batchNorm: { epsilon: 1e-3, momentum: 0.99 }, l2: 1e-4 } as const;
    const model = resnet({ ...options, inputShape: [16, 16, 1], padding: 'symmetric' });
    expect((model.predict(tf.zeros([2, 16, 16, 1])) as tf.Tensor).shape).toEqual([2, 7]);
    expect(model.getLayer('stem/bn').getConfig()).toMatchObject({ epsilon: 1e-3, momentum: 0.99 });
    expect(model.losses).toBeDefined();
    expect(model.calculateLosses()).toHaveLength(1 + 6 + 1); // stem, six 3×3, dense
    expect(model.getLayer('stage2/block1/conv1/pad')).toBeDefined();
  });
});

describe('preactivated projections', () => {
  const source = (model: tf.LayersModel) =>
    model.getLayer('stage2/block1/shortcut/conv').inboundNodes[0].inboundLayers[0].name;

  test('see the raw input in ResNet v2, the activated one in WRN and ResNet-164', () => {
    const zeros = { initializer: 'zeros' } as const;
    expect(source(createModel('resnet20_v2', { ...zeros, shortcut: 'B' }))).toBe('stage1/block3/add');
    expect(source(createModel('wrn_16_4', zeros))).toBe('stage2/block1/relu1');
    expect(source(createModel('resnet164', zeros))).toBe('stage2/block1/relu1');
    expect(source(createModel('resnet164', { ...zeros, preactivateShortcuts: false }))).toBe(
      'stage1/block18/add',
    );
  });
});

test('in the first block of a ResNet v2 the path around begins after BN and ReLU, but not in a WRN', () => {
  const zeros = { initializer: 'zeros' } as const;
  const around = (model: tf.LayersModel) =>
    model.getLayer('stage1/block1/add').inboundNodes[0].inboundLayers.map(({ name }) => name);
  expect(around(createModel('resnet20_v2', zeros))).toContain('stage1/block1/relu1');
  expect(around(wideResnet({ depth: 10, width: 1, ...zeros }))).toContain('stem/conv');
});

describe('fromSeed', () => {
  test.each([
    ['cifar_resnet20', {}, 'resnet20_v1', { shortcut: 'A', l2: 1e-4 }],
    ['resnet56', { block_type: 'preactivated' }, 'resnet56_v2', { shortcut: 'A', l2: 1e-4 }],
    ['cifar_resnet110', {}, 'resnet110_v2', { shortcut: 'B' }],
    ['cifar_resnet20', { shortcut_type: 'B' }, 'resnet20_v1', { shortcut: 'B_original' }],
    ['cifar_resnet20', { shortcut_type: 'B', block_type: 'preactivated' }, 'resnet20_v2', { shortcut: 'B' }],
    ['cifar_resnet110', { shortcut_mode: 'A', block_type: 'original' }, 'resnet110_v1', { shortcut: 'A' }],
    ['cifar_resnet164', { block_type: 'bootleneck', load_weights: true }, 'resnet164', { pretrained: true }],
    ['WRN_40_4', { dropout: 0.3, l2_reg: 5e-4 }, 'wrn_40_4', { dropout: 0.3, l2: 5e-4 }],
  ])('%s %j is %s', (model, parameters, name, options) => {
    const found = fromSeed('Models.Resnets', model, parameters);
    expect(found.name).toBe(name);
    expect(found.options).toMatchObject(options);
  });

  test('VGG', () => {
    expect(fromSeed('Models.VGGs', 'cifar_vgg11')).toMatchObject({ name: 'vgg11', options: { l2: 2.5e-4 } });
    const vgg11 = fromSeed('Models.VGGs', 'cifar_vgg11').build();
    expect(parameterCount(vgg11)).toBe(9_231_114);
    expect(vgg11.calculateLosses()).toHaveLength(9); // eight convolutions and the dense layer carry the L2
  });

  test.each([
    ['Models.Lenets', 'x', {}, /module is 'Models.Lenets'/],
    ['Models.VGGs', 'cifar_vgg12', {}, /Models.VGGs has cifar_vgg11/],
    ['Models.Resnets', 'cifar_resnet21', {}, /model is 'cifar_resnet21'/],
    ['Models.Resnets', 'cifar_resnet20', { block_type: 'bootleneck' }, /but cifar_resnet20 takes 'original'/],
    ['Models.Resnets', 'cifar_resnet20', { l2_reg: 'much' }, /l2_reg is 'much'; give a number/],
    ['Models.Resnets', 'cifar_resnet20', { depth: 3 }, /model_parameters has no option 'depth'/],
  ])('%s %s %j is refused', (module, model, parameters, message) => {
    expect(() => fromSeed(module, model, parameters)).toThrow(message);
  });
});

test('without shortcuts a network is plain: a chain of as many weights as with shortcut A', () => {
  const zeros = { initializer: 'zeros' } as const;
  const plain = createModel('resnet20_v1', { ...zeros, shortcut: 'none' });
  expect(plain.countParams()).toBe(createModel('resnet20_v1', zeros).countParams());
  for (const { inboundNodes } of plain.layers)
    for (const { inboundLayers } of inboundNodes) expect(inboundLayers.length).toBeLessThan(2);
});
