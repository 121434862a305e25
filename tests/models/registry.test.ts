import { MODELS, createModel, findModel } from '../../src/models';
import { parameterCount } from './helpers';

describe('registry', () => {
  const names = MODELS.map(model => model.name);

  test('names are unique and findable', () => {
    expect(new Set(names).size).toBe(names.length);
    expect(findModel('wrn_40_4').title).toBe('WRN-40-4');
  });

  test.each(names)('%s has the parameters of its entry, and maps images to logits', name => {
    const model = createModel(name, { initializer: 'zeros' });
    expect(model.name).toBe(name);
    expect(model.inputs[0].shape).toEqual([null, 32, 32, 3]);
    expect(model.outputs[0].shape).toEqual([null, 10]);
    expect(parameterCount(model)).toBe(findModel(name).parameters);
    model.dispose();
  });

  test('an unknown name is answered by the list', () => {
    expect(() => createModel('resnet21')).toThrow(
      /There is no model 'resnet21'; give one of vgg11.*resnet20_v1/,
    );
  });
});
