import * as fs from 'fs';
import * as tf from '@tensorflow/tfjs';
import { zipSync } from 'fflate';
import { createModel, resnet } from '../../src/models';
import { CheckpointFolder } from '../../src/train/checkpoint';
import {
  decodeNpz,
  importWeights,
  loadWeights,
  modelWeights,
  pretrainedPath,
  readArrays,
  readWeights,
  saveWeights,
  writeWeights,
} from '../../src/weights';
import { python, snapshot, temporaryFolder, testWithPython } from './helpers';

const folder = temporaryFolder();

/** A checkpoint in the folder of a run. */
function savedCheckpoint(run: string): string {
  const checkpoints = new CheckpointFolder(run);
  const state = { step: 1, startedAt: '', seconds: 1, metered: 0, curve: [], trainCurve: [], settings: {} };
  checkpoints.save({ state, arrays: new Map() });
  return checkpoints.current;
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test.each(['f32', 'f16'] as const)('%s: saved and loaded, another model has the same weights', async dtype => {
  const file = folder.file(`made/if/need/be/${dtype}.safetensors`);
  const [a, b] = [resnet({ depth: 8, seed: 1 }), resnet({ depth: 8, seed: 2 })];
  tf.tidy(() => modelWeights(a).forEach(({ variable, trainable }) => trainable || variable.write(variable.read().add(0.125))));
  await saveWeights(a, file, { dtype, metadata: { testError: '8.5' } });
  expect(loadWeights(b, file)).toEqual({ model: 'resnet8_v1', testError: '8.5' });
  const [was, is] = [await snapshot(a), await snapshot(b)];
  expect(Object.keys(is)).toEqual(Object.keys(was));
  expect(is).not.toEqual(await snapshot(resnet({ depth: 8, seed: 2 })));
  for (const [name, values] of Object.entries(was)) {
    if (dtype === 'f32') expect(is[name]).toEqual(values);
    else values.forEach((value, i) => expect(Math.abs(is[name][i] - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 2 ** -25)); // prettier-ignore
  }
  expect(fs.readdirSync(folder.file('made/if/need/be')).filter(name => name.includes('partial'))).toEqual([]);
});

test('names are stable and readable', () => {
  const names = modelWeights(resnet({ depth: 8, shortcut: 'B_original' })).map(weight => weight.name);
  expect(names.slice(0, 6)).toEqual([
    'stem/conv/kernel',
    'stem/bn/gamma',
    'stem/bn/beta',
    'stem/bn/moving_mean',
    'stem/bn/moving_variance',
    'stage1/block1/conv1/kernel',
  ]);
  expect(names).toContain('stage2/block1/shortcut/conv/kernel');
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(modelWeights(resnet({ depth: 8, shortcut: 'B_original' })).map(weight => weight.name));
});

test('weights of another architecture: all that differs is listed, the model stays as it was', async () => {
  const file = folder.file('other.safetensors');
  await saveWeights(resnet({ depth: 14, seed: 1 }), file);
  const model = resnet({ depth: 8, classes: 100, shortcut: 'B', seed: 2 });
  const before = await snapshot(model);
  const load = () => loadWeights(model, file);
  expect(load).toThrow(/missing: stage2\/block1\/shortcut/);
  expect(load).toThrow(/surplus: stage1\/block2\/conv1\/kernel.* and \d+ more/);
  expect(load).toThrow(/of another shape: logits\/kernel: file \[64,10\], model \[64,100\]/);
  expect(await snapshot(model)).toEqual(before);
});

test('what is not there or of another kind is named', () => {
  expect(() => readArrays(folder.file('none.safetensors'))).toThrow(/There is no file '.*none\.safetensors'/);
  fs.writeFileSync(folder.file('weights.h5'), '');
  expect(() => readArrays(folder.file('weights.h5'))).toThrow(/neither .safetensors nor .npz/);
  fs.writeFileSync(folder.file('bad.npz'), 'no archive');
  expect(() => readArrays(folder.file('bad.npz'))).toThrow(/bad.npz: it is no .npz archive/);
  const short = Uint8Array.from('\x93NUMPY\x02\x00\x00\x00', c => c.charCodeAt(0));
  expect(() => decodeNpz(zipSync({ 'a.npy': short }), 'bad.npz')).toThrow(/array 'a': it is no .npy/);
  expect(() => pretrainedPath('resnet20_v3')).toThrow(/weights.pretrained.resnet20_v3\.safetensors/);
});

test.each([0, 6] as const)('whatever byte of an .npz (compression level %i) is flipped, no other numbers are read', level => {
  const values = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (64,), }\n";
  const npy = Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), Buffer.from([header.length, 0]), Buffer.from(header), Buffer.from(values.buffer)]); // prettier-ignore
  const whole = zipSync({ 'a.npy': new Uint8Array(npy) }, { level });
  expect(decodeNpz(whole, 'a.npz').get('a')!.data).toEqual(values);
  let refused = 0;
  for (let at = 0; at < whole.length; at++) {
    const damaged = Uint8Array.from(whole);
    damaged[at] ^= 8;
    try {
      const found = decodeNpz(damaged, 'a.npz').get('a');
      if (found) expect(found.data).toEqual(values); // a date, or the name in the header before the data
    } catch (error) {
      expect(error).toMatchObject({ name: 'UserError' });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(values.byteLength / 2);
});

test('a folder, a checkpoint and weights that are no numbers are told as such', async () => {
  fs.mkdirSync(folder.file('folder.safetensors'));
  expect(() => readArrays(folder.file('folder.safetensors'))).toThrow(/folder\.safetensors' is a folder; name a/);

  const model = resnet({ depth: 8, seed: 1 });
  const current = savedCheckpoint(folder.file('run'));
  for (const load of [loadWeights, importWeights])
    expect(() => load(model, current)).toThrow(/'.*checkpoint\.safetensors' is a checkpoint, .* best\.safetensors and final\.safetensors/); // prettier-ignore

  const before = await snapshot(model);
  for (const value of [NaN, Infinity]) {
    const arrays = await readWeights(model);
    arrays.get('logits/bias')!.data[3] = value;
    const load = () => writeWeights(model, arrays, 'the file');
    expect(load).toThrow('the file holds NaN or infinity in logits/bias, as after a training that diverged');
  }
  expect(await snapshot(model)).toEqual(before);
});

test('createModel takes a path as pretrained', async () => {
  const file = folder.file('resnet20.safetensors');
  const trained = createModel('resnet20_v1', { seed: 5 });
  await saveWeights(trained, file);
  expect(await snapshot(createModel('resnet20_v1', { pretrained: file }))).toEqual(await snapshot(trained));
  const tensors = tf.memory().numTensors;
  expect(() => createModel('resnet32_v1', { pretrained: file })).toThrow(/missing: /);
  expect(tf.memory().numTensors).toBe(tensors);
  expect(() => createModel('resnet20_v1', { pretrained: '' })).toThrow(/pretrained is an empty path/);
});

testWithPython('numpy')('what numpy saves is read: types, orders, compression', () => {
  const file = folder.file('numpy.npz');
  const program = `
import sys, numpy as n
v = n.arange(6).reshape(1, 2, 3) - 2.5
a = {t: v.astype(t) for t in ["float16", "float32", "float64", "int16", "uint8"]}
n.savez_compressed(sys.argv[1], fortran=n.asfortranarray(v), scalar=n.float32(7), **{"layer/kernel": v}, **a)`;
  python(program, file);
  const arrays = decodeNpz(fs.readFileSync(file), file);
  const data = Float32Array.of(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5);
  for (const name of ['float16', 'float32', 'float64', 'fortran', 'layer/kernel'])
    expect(arrays.get(name)).toEqual({ shape: [1, 2, 3], data });
  expect(arrays.get('int16')!.data).toEqual(data.map(Math.trunc).map(x => x + 0)); // no −0 among whole numbers
  expect(arrays.get('scalar')).toEqual({ shape: [], data: Float32Array.of(7) });
  python('import sys, numpy as n; n.savez(sys.argv[1], a=n.array(["x"]))', folder.file('text.npz'));
  expect(() => readArrays(folder.file('text.npz'))).toThrow(/array 'a': its type <U1 is none of/);
});
