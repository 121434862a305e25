import * as tf from '@tensorflow/tfjs';
import { createModel } from '../../src/models';
import { useXla } from '../../src/xla';
import { imagesFor, SMALL_MODELS } from './helpers';

/** The model's logits for fixed images on a back end, its own weights drawn there by their seed. */
async function logitsOn(backend: string, build: () => tf.LayersModel, batch: number): Promise<Float32Array> {
  if (backend === 'xla') await useXla();
  else await tf.setBackend(backend);
  const model = build();
  const logits = tf.tidy(() => model.apply(imagesFor(model, batch), { training: false }) as tf.Tensor2D);
  expect(logits.shape).toEqual([batch, 10]);
  const values = Float32Array.from(await logits.data<'float32'>());
  logits.dispose();
  model.dispose();
  return values;
}

describe('forward pass', () => {
  test.each([
    ...SMALL_MODELS,
    ['resnet20_v1', () => createModel('resnet20_v1', { seed: 1 })] as const,
    ['resnet20_v2', () => createModel('resnet20_v2', { seed: 1 })] as const,
  ])('%s: the same on cpu and xla', async (_, build) => {
    const cpu = await logitsOn('cpu', build, 2);
    const xla = await logitsOn('xla', build, 2);
    const scale = Math.max(...cpu.map(Math.abs));
    expect(scale).toBeGreaterThan(0.01);
    xla.forEach((value, i) => expect(Math.abs(value - cpu[i])).toBeLessThan(1e-4 * scale));
  });

  test.each(['vgg19', 'resnet164', 'wrn_28_10', 'resnext29_8x64d'])(
    '%s: one image gives finite logits that differ',
    async name => {
      const values = await logitsOn('xla', () => createModel(name, { seed: 1 }), 1);
      expect(values.every(Number.isFinite)).toBe(true);
      expect(new Set(values).size).toBe(10);
    },
  );
});
