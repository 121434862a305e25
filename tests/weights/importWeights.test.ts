import * as fs from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { resnet, vgg } from '../../src/models';
import { encodeSafetensors, importWeights, type NamedArray, type NamedArrays, readWeights } from '../../src/weights';
import { snapshot, temporaryFolder } from './helpers';

const folder = temporaryFolder();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const small = (seed: number) => resnet({ depth: 8, seed, shortcut: 'B' });

/** A model's weights under Keras's automatic names: conv2d, conv2d_1 … by kind of layer, in alphabetical order. */
async function asKeras(model: tf.LayersModel): Promise<NamedArrays> {
  const counts = new Map<string, number>();
  const named = new Map<string, string>();
  const all: [string, NamedArray][] = [];
  for (const [name, array] of await readWeights(model)) {
    const at = name.lastIndexOf('/');
    const [layer, weight] = [name.slice(0, at), name.slice(at + 1)];
    if (!named.has(layer)) {
      const kind = /gamma/.test(weight) ? 'batch_normalization' : array.shape.length === 4 ? 'conv2d' : 'dense';
      const count = counts.get(kind) ?? 0;
      counts.set(kind, count + 1);
      named.set(layer, count ? `${kind}_${count}` : kind);
    }
    all.push([`${named.get(layer)}/${weight}:0`, array]);
  }
  all.push(['optimizer/iterations', { shape: [], data: Float32Array.of(64000) }]);
  return new Map(all.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const TORCH = { kernel: 'weight', gamma: 'weight', beta: 'bias', bias: 'bias', moving_mean: 'running_mean', moving_variance: 'running_var' }; // prettier-ignore

/** The weights as PyTorch's state_dict has them: names by dots, convolutions [out, in, h, w], dense [out, in]. */
async function asTorch(model: tf.LayersModel): Promise<NamedArrays> {
  const out: NamedArrays = new Map();
  for (const [name, { shape, data }] of await readWeights(model)) {
    const at = name.lastIndexOf('/');
    const kind = name.slice(at + 1) as keyof typeof TORCH;
    const order = shape.length === 4 ? [3, 2, 0, 1] : shape.length === 2 ? [1, 0] : [0];
    const moved = tf.tidy(() => tf.transpose(tf.tensor(data, [...shape]), order));
    out.set(`net.${name.slice(0, at).replaceAll('/', '.')}.${TORCH[kind]}`, {
      shape: moved.shape,
      data: moved.dataSync<'float32'>(),
    });
    if (kind === 'moving_variance') out.set(`net.${name.slice(0, at).replaceAll('/', '.')}.num_batches_tracked`, { shape: [], data: Float32Array.of(1) }); // prettier-ignore
  }
  return out;
}

test("Keras's names, in any order: layers are matched by number and shape", async () => {
  const model = small(2);
  const report = importWeights(model, await asKeras(small(1)));
  expect(await snapshot(model)).toEqual(await snapshot(small(1)));
  expect(report).toHaveLength(Object.keys(await snapshot(model)).length);
  expect(report).toContainEqual({ name: 'stem/conv/kernel', source: 'conv2d/kernel:0', shape: [3, 3, 3, 16] });
});

test("PyTorch's names and layouts", async () => {
  for (const build of [small, (seed: number) => vgg({ depth: 11, seed, stages: [[4], [6], [8], [8], [8]] })]) {
    const model = build(2);
    importWeights(model, await asTorch(build(1)), { layout: 'torch' });
    expect(await snapshot(model)).toEqual(await snapshot(build(1)));
  }
});

test("PyTorch's numbered layers in a .safetensors file, whose writer sorts by name", async () => {
  const build = (seed: number) => vgg({ depth: 11, seed, stages: [[4, 4, 4, 4], [4, 4, 4], [4], [4], [4]] });
  const numbers = new Map<string, number>();
  const named = [...(await asTorch(build(1)))].map(([name, array]): [string, NamedArray] => {
    const at = name.lastIndexOf('.');
    const layer = name.slice(0, at);
    if (!numbers.has(layer)) numbers.set(layer, numbers.size);
    return [`features.${numbers.get(layer)}${name.slice(at)}`, array];
  });
  const file = folder.file('torch.safetensors');
  fs.writeFileSync(file, encodeSafetensors(new Map(named.sort(([a], [b]) => (a < b ? -1 : 1)))));
  const model = build(2);
  importWeights(model, file, { layout: 'torch' });
  expect(await snapshot(model)).toEqual(await snapshot(build(1)));
});

test('a mapping settles what order and shape do not', async () => {
  const source = await asKeras(small(1));
  for (const weight of ['kernel']) {
    const [a, b] = [`conv2d_1/${weight}:0`, `conv2d_2/${weight}:0`]; // both 3×3×16×16
    const kept = source.get(a)!;
    source.set(a, source.get(b)!).set(b, kept);
  }
  const model = small(2);
  importWeights(model, source);
  expect(await snapshot(model)).not.toEqual(await snapshot(small(1)));
  const mapping = { 'stage1/block1/conv1': 'conv2d_2', 'stage1/block1/conv2': 'conv2d_1' };
  importWeights(model, source, { mapping });
  expect(await snapshot(model)).toEqual(await snapshot(small(1)));
  expect(() => importWeights(model, source, { mapping: { 'stage9/conv': 'conv2d' } })).toThrow(/no layer 'stage9\/conv'/);
  expect(() => importWeights(model, source, { mapping: { 'stem/conv': 'conv3d' } })).toThrow(/no layer 'conv3d'/);
});

test('what does not fit is listed, and the model stays as it was', async () => {
  const model = small(2);
  const before = await snapshot(model);
  const source = await asKeras(small(1));
  source.set('conv2d_99/kernel:0', source.get('conv2d/kernel:0')!);
  source.delete('dense/bias:0');
  const load = () => importWeights(model, source);
  expect(load).toThrow(/nothing of the right shape for logits \{bias \[10\] kernel \[64,10\]\}/);
  expect(load).toThrow(/surplus: conv2d_99 \{kernel \[3,3,3,16\]\}, dense \{kernel \[64,10\]\}/);
  expect(await snapshot(model)).toEqual(before);
});

test("batch norm's epsilon and momentum are the model's to set", () => {
  const model = resnet({ depth: 8, batchNorm: { epsilon: 1e-3, momentum: 0.99 } });
  const norms = model.layers.filter(layer => layer.getClassName() === 'BatchNormalization');
  expect(norms.length).toBe(7);
  for (const norm of norms) expect(norm.getConfig()).toMatchObject({ epsilon: 1e-3, momentum: 0.99 });
});
