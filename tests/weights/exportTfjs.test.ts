import { execFileSync } from 'child_process';
import * as fs from 'fs';
import * as path from 'path';
import * as tf from '@tensorflow/tfjs';
import { resnet, resnext, wideResnet } from '../../src/models';
import { exportTfjs, modelWeights } from '../../src/weights';
import { temporaryFolder } from './helpers';

const folder = temporaryFolder();

/** Opens model.json with plain tfjs, in a process that has none of this project's layers, and prints logits. */
const PLAIN_TFJS = `
const fs = require('fs'), path = require('path'), tf = require('@tensorflow/tfjs');
const [folder, images] = process.argv.slice(1);
const json = JSON.parse(fs.readFileSync(path.join(folder, 'model.json')));
const { paths, weights } = json.weightsManifest[0];
const data = Buffer.concat(paths.map(p => fs.readFileSync(path.join(folder, p))));
const weightData = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
(async () => {
  const handler = tf.io.fromMemory({ modelTopology: json.modelTopology, weightSpecs: weights, weightData });
  const model = await tf.loadLayersModel(handler);
  const x = tf.tensor4d(new Float32Array(JSON.parse(images)), [2, 32, 32, 3]);
  console.log(JSON.stringify([...(await model.predict(x).data())]));
})();`;

function logitsInPlainTfjs(exported: string, images: Float32Array): number[] {
  const args = ['-e', PLAIN_TFJS, exported, JSON.stringify([...images].map(x => Math.round(x * 1e4) / 1e4))];
  const options = { cwd: path.join(__dirname, '..', '..'), encoding: 'utf8', stdio: 'pipe' } as const;
  return JSON.parse(execFileSync(process.execPath, args, options)) as number[];
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test.each([
  ['v1 with subsampling shortcuts', () => resnet({ depth: 8, seed: 1 }), 'f32', 1e-3],
  ['v1 in half precision', () => resnet({ depth: 8, seed: 1 }), 'f16', 0.05],
  ['grouped convolutions', () => resnext({ depth: 11, cardinality: 2, groupWidth: 2, seed: 1 }), 'f32', 1e-3],
  ['dropout', () => wideResnet({ depth: 10, width: 1, dropout: 0.3, seed: 1 }), 'f32', 1e-3],
] as const)('%s: plain tfjs opens the export and gives the same logits', async (name, build, dtype, tolerance) => {
  const model = build();
  // Moving averages that do something, as after training.
  tf.tidy(() => modelWeights(model).forEach(({ variable, trainable }) => trainable || variable.write(variable.read().add(0.25))));
  const out = folder.file(name.replace(/ /g, '-'));
  const files = await exportTfjs(model, out, { dtype, shardBytes: 100_000 });
  expect(fs.readdirSync(out).sort()).toEqual([...files].sort());
  expect(files.length).toBeGreaterThan(2);
  const images = Float32Array.from({ length: 2 * 3072 }, (_, i) => Math.round(Math.sin(i * i) * 1e4) / 1e4);
  const ours = tf.tidy(() => (model.predict(tf.tensor4d(images, [2, 32, 32, 3])) as tf.Tensor).dataSync());
  const theirs = logitsInPlainTfjs(out, images);
  const spread = Math.max(...ours) - Math.min(...ours);
  expect(spread).toBeGreaterThan(1e-3);
  theirs.forEach((value, i) => expect(Math.abs(value - ours[i])).toBeLessThan(tolerance * spread));
});

test('the export leaves the model and no tensors behind', async () => {
  const model = resnet({ depth: 8, seed: 1 });
  const tensors = tf.memory().numTensors;
  await exportTfjs(model, folder.file('again'));
  expect(tf.memory().numTensors).toBe(tensors);
});
