import { MODELS, createModel, findModel, summarize } from '../../src/models';
import { parameterCount } from './helpers';
import { expectedLayers } from './papersLayers';

/** Trainable parameters as they are commonly published for these architectures. */
const PUBLISHED: Record<string, number> = {
  vgg11: 9_231_114,
  vgg13: 9_416_010,
  vgg16: 14_728_266,
  vgg19: 20_040_522,
  resnet20_v1: 269_722,
  resnet32_v1: 464_154,
  resnet44_v1: 658_586,
  resnet56_v1: 853_018,
  resnet110_v1: 1_727_962,
  resnet164: 1_703_258,
  resnet1001: 10_327_706,
  wrn_16_4: 2_748_890,
  wrn_40_4: 8_949_210,
  wrn_16_8: 10_961_370,
  wrn_28_10: 36_479_194,
  resnext29_8x64d: 34_426_698,
  resnext29_16x64d: 68_155_210,
};

describe('registry', () => {
  const names = MODELS.map(model => model.name);

  test('names are unique and findable, and every published model is there', () => {
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(Object.keys(PUBLISHED)));
    expect(findModel('wrn_40_4').title).toBe('WRN-40-4');
  });

  test.each(MODELS)('$name is complete', ({ name, paper, parameters, multiplyAdds, ...rest }) => {
    expect(paper.url).toMatch(/^https:\/\/arxiv\.org\/abs\/\d{4}\.\d{5}$|1409\.1556$/);
    expect(parameters).toBe(PUBLISHED[name] ?? parameters);
    expect(multiplyAdds).toBeGreaterThan(parameters);
    const errors = [rest.paperErrorBest ?? 5, rest.paperErrorMean ?? 5];
    for (const error of errors) expect(error > 3 && error < 10).toBe(true);
    expect(rest.paperError).toBe(rest.paperErrorMean ?? rest.paperErrorBest);
  });

  test.each(names)('%s: parameters layer by layer, multiply-adds, shapes', name => {
    const model = createModel(name, { initializer: 'zeros' });
    expect(model.name).toBe(name);
    expect(model.inputs[0].shape).toEqual([null, 32, 32, 3]);
    expect(model.outputs[0].shape).toEqual([null, 10]);
    const { layers, parameters, multiplyAdds } = summarize(model);
    const counted = layers.filter(layer => layer.parameters > 0);
    expect(Object.fromEntries(counted.map(layer => [layer.name, layer.parameters]))).toEqual(
      expectedLayers(name),
    );
    expect(parameterCount(model)).toBe(findModel(name).parameters);
    expect(parameters).toBe(findModel(name).parameters);
    expect(multiplyAdds).toBe(findModel(name).multiplyAdds);
    model.dispose();
  });

  test('an unknown name is answered by the list', () => {
    expect(() => createModel('resnet21')).toThrow(
      /There is no model 'resnet21'; give one of vgg11.*resnet20_v1/,
    );
  });
});
