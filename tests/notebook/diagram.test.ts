import * as tf from '@tensorflow/tfjs';
import { createModel, resnet, summarize } from '../../src/models';
import { diagram } from '../../src/notebook';
import { unitsOf } from '../../src/notebook/diagramUnits';

const zeros = { initializer: 'zeros' } as const;
const looks = (name: string, unfold = false) =>
  unitsOf(summarize(createModel(name, zeros)), unfold).map(unit => `${unit.key} ×${unit.repeat}`);

describe('units of a diagram', () => {
  test('equal neighbours fold: ResNet-20 has 3, then 1 + 2 blocks a stage', () => {
    expect(looks('resnet20_v1')).toEqual([
      'stem ×1',
      'stage1/block1 ×3',
      'stage2/block1 ×1',
      'stage2/block2 ×2',
      'stage3/block1 ×1',
      'stage3/block2 ×2',
      'pool ×1',
      'logits ×1',
    ]);
    expect(looks('resnet20_v1', true)).toHaveLength(1 + 9 + 2);
    expect(looks('resnet1001').filter(unit => unit.endsWith('×110'))).toHaveLength(3);
  });

  test('a shortcut starts where its data comes from', () => {
    const start = (model: tf.LayersModel, key = 'stage2/block1') =>
      unitsOf(summarize(model), false).find(unit => unit.key === key)!.shortcut!;
    expect(start(createModel('resnet20_v1', zeros))).toMatchObject({
      from: -1,
      rows: [{ text: 'subsample 2×, pad to 32', shape: '16×16×32' }],
    });
    expect(start(resnet({ depth: 8, blockType: 'preactivated', ...zeros })).from).toBe(-1);
    expect(start(createModel('wrn_16_4', zeros)).from).toBe(0); // after the block's first BN and ReLU
    expect(start(createModel('resnet20_v2', zeros), 'stage1/block1')).toEqual({ from: 0, rows: [] });
    expect(start(createModel('resnet20_v2', zeros), 'stage1/block2').from).toBe(-1);
    const withNorm = start(resnet({ depth: 8, shortcut: 'B_original', ...zeros }));
    expect(withNorm.rows.map(row => row.text)).toEqual(['conv 1×1, 32 / 2', 'BN']);
  });
});

describe('diagram', () => {
  test.each(['vgg16', 'resnet20_v1', 'resnet164', 'wrn_16_4', 'resnext29_8x64d'])(
    '%s is a whole picture',
    name => {
      const svg = diagram(createModel(name, zeros));
      const open = svg.replace(/<[^>]*\/>/g, '');
      expect(open.match(/<\w/g)).toHaveLength(open.match(/<\//g)!.length);
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
      const [, width] = /^<svg [^>]*width="(\d+)"/.exec(svg)!;
      for (const [, x, w] of svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)) {
        expect(Number(x) + Number(w)).toBeLessThanOrEqual(Number(width));
      }
    },
  );

  test('folded it counts, unfolded it draws each block', () => {
    const model = createModel('resnet20_v1', zeros);
    const additions = (svg: string) => svg.match(/<circle/g)!.length;
    expect(diagram(model)).toContain('>×3<');
    expect(additions(diagram(model))).toBe(5);
    expect(additions(diagram(model, { unfold: true }))).toBe(9);
    expect(diagram(model)).toContain('>16×16×32<');
  });

  test('a model whose layers are named otherwise is drawn too', () => {
    const x = tf.input({ shape: [8, 8, 3] });
    const y = tf.layers.conv2d({ filters: 4, kernelSize: 3, name: 'a' }).apply(x) as tf.SymbolicTensor;
    const z = tf.layers.flatten({ name: 'b' }).apply(y) as tf.SymbolicTensor;
    expect(diagram(tf.model({ inputs: x, outputs: z }))).toContain('>conv 3×3, 4<');
  });
});
