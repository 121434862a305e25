import * as tf from '@tensorflow/tfjs';
import { createModel, fromSeed, resnet, resnext, vgg, wideResnet } from '../../src/models';
import { parameterCount } from './helpers';

beforeAll(() => tf.setBackend('cpu'));

describe('names', () => {
  test('are the same each time and tell the place', () => {
    const names = () => createModel('resnet20_v1').layers.map(layer => layer.name);
    const [first, second] = [names(), names()];
    expect(second).toEqual(first);
    expect(first).toContain('stage2/block1/shortcut');
    expect(new Set(first).size).toBe(first.length);
  });
});

describe('initial weights', () => {
  const kernel = (model: tf.LayersModel, layer: string) => model.getLayer(layer).getWeights()[0].dataSync();

  test.each([
    ['resnet20_v1', 'stage3/block2/conv1', 9 * 64],
    ['wrn_16_4', 'stage1/block1/shortcut/conv', 16],
    ['resnext29_8x64d', 'stage1/block1/conv2', 9 * 64],
  ])('%s %s is N(0, 2 / fan-in)', (name, layer, fanIn) => {
    const model = createModel(name, { seed: 3 });
    const values = Array.from(kernel(model, layer));
    const std = Math.sqrt(2 / fanIn);
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    const kurtosis = values.reduce((sum, v) => sum + (v - mean) ** 4, 0) / values.length / variance ** 2;
    const sigma = 1 / Math.sqrt(values.length); // of the mean, in units of std; the others' are small multiples
    expect(Math.abs(mean / std)).toBeLessThan(5 * sigma);
    expect(Math.abs(variance / std ** 2 - 1)).toBeLessThan(5 * Math.SQRT2 * sigma);
    expect(Math.abs(kurtosis - 3)).toBeLessThan(5 * Math.sqrt(24) * sigma); // tfjs's truncated normal has 2.1
    model.dispose();
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
      /shortcut is 'C'; give one of 'A', 'B', 'B_original'/,
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
    expect(source(createModel('resnet20_v2'))).toBe('stage1/block3/add');
    expect(source(createModel('wrn_16_4'))).toBe('stage2/block1/relu1');
    expect(source(createModel('resnet164'))).toBe('stage2/block1/relu1');
    expect(source(createModel('resnet164', { preactivateShortcuts: false }))).toBe('stage1/block18/add');
  });
});

describe('training', () => {
  const tiny = { seed: 1, inputShape: [8, 8, 3] as [number, number, number] };
  const models: [string, () => tf.LayersModel][] = [
    ['resnet v1 A', () => resnet({ ...tiny, depth: 8 })],
    ['resnet v1 B_original', () => resnet({ ...tiny, depth: 8, shortcut: 'B_original' })],
    ['resnet v2', () => resnet({ ...tiny, depth: 8, blockType: 'preactivated' })],
    ['bottleneck', () => resnet({ ...tiny, depth: 11, blockType: 'bottleneck' })],
    ['wrn with dropout', () => wideResnet({ ...tiny, depth: 10, width: 1, dropout: 0.1 })],
    ['vgg', () => vgg({ ...tiny, depth: 11, stages: [[4], [4], [8, 8]] })],
    ['resnext', () => resnext({ ...tiny, depth: 11, cardinality: 2, groupWidth: 2 })],
  ];

  test.each(models)('%s: every parameter has a gradient, and a step lowers the loss', (_, build) => {
    const model = build();
    const [, ...shape] = model.inputs[0].shape as number[];
    const images = tf.randomNormal([4, ...shape], 0, 1, 'float32', 5);
    const labels = tf.oneHot(tf.tensor1d([0, 1, 2, 3], 'int32'), 10);
    const loss = () =>
      tf.losses.softmaxCrossEntropy(
        labels,
        model.apply(images, { training: true }) as tf.Tensor,
      ) as tf.Scalar;
    const variables = model.trainableWeights.map(weight => weight.read() as tf.Variable);
    const { value, grads } = tf.variableGrads(loss, variables);
    expect(Object.keys(grads)).toHaveLength(variables.length);
    for (const gradient of Object.values(grads))
      expect(Number.isFinite(gradient.abs().max().dataSync()[0])).toBe(true);
    tf.train.sgd(0.005).applyGradients(grads);
    expect(loss().dataSync()[0]).toBeLessThan(value.dataSync()[0]);
  });
});

describe('fromSeed', () => {
  test.each([
    ['cifar_resnet20', {}, 'resnet20_v1', { shortcut: 'A', l2: 1e-4 }],
    ['resnet56', { block_type: 'preactivated' }, 'resnet56_v2', { shortcut: 'A', l2: 1e-4 }],
    ['cifar_resnet110', {}, 'resnet110_v2', { shortcut: 'B' }],
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
    expect(parameterCount(fromSeed('Models.VGGs', 'cifar_vgg11').build())).toBe(9_231_114);
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
