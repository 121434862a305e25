import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import * as tf from '@tensorflow/tfjs';
import { shipWeights } from '../../scripts/ship/shipWeights';
import { selectBackend } from '../../src/backends';
import { type Split } from '../../src/data';
import { createModel } from '../../src/models';
import { evaluate } from '../../src/train';
import { loadWeights, modelWeights, readArrays, saveWeights } from '../../src/weights';

let root: string;
const final = () => path.join(root, 'records', 'checkpoints', 'run', 'final.safetensors');
const shippedFile = () => path.join(root, 'weights', 'pretrained', 'resnet20_v1.safetensors');

const count = 100;
const split: Split = {
  count,
  images: Uint8Array.from({ length: count * 3072 }, (_, i) => (Math.imul(i, 2654435761) >>> 13) & 255),
  labels: new Uint8Array(count),
};

/** How many images are taken for a class. */
const sum = (confusion: number[][], guess: number): number => confusion.reduce((total, row) => total + row[guess], 0);

/** A finished run: final weights and a record with this error. */
async function finish(model: tf.LayersModel, finalTestError: number): Promise<void> {
  await saveWeights(model, final());
  const record = { name: 'run', model: 'resnet20_v1', recipe: 'short', commit: 'abc', finalTestError };
  fs.writeFileSync(path.join(root, 'records', 'run.json'), JSON.stringify(record));
}

beforeAll(async () => {
  await selectBackend();
});
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'ship-'));
  fs.mkdirSync(path.join(root, 'records'));
});
afterEach(() => fs.rmSync(root, { recursive: true }));

test('half precision where no image changes sides', async () => {
  const model = createModel('resnet20_v1', { seed: 1 });
  const { error } = await evaluate(model, split, count);
  await finish(model, error);
  const shipped = await shipWeights(root, 'run', split);
  expect(shipped).toMatchObject({ file: shippedFile(), recorded: error, computed: error, shipped: error });
  const again = createModel('resnet20_v1');
  expect(loadWeights(again, shippedFile())).toMatchObject({ run: 'run', recipe: 'short', testError: String(error) });
  expect((await evaluate(again, split, count)).error).toBe(error);
  expect(shipped.bytes).toBe(fs.statSync(shippedFile()).size);
  expect(shipped.bytes).toBeLessThan(shipped.dtype === 'f16' ? 600_000 : 1_200_000);
});

test('full precision where half would change the error', async () => {
  const model = createModel('resnet20_v1', { seed: 1 });
  const [kernel, bias] = ['kernel', 'bias'].map(kind => modelWeights(model).find(({ name }) => name === `logits/${kind}`)!);
  const write = (weight: typeof kernel, value: (i: number) => number) => {
    const size = weight.shape.reduce((a, b) => a * b);
    tf.tidy(() => {
      weight.variable.write(tf.tensor(Float32Array.from({ length: size }, (_, i) => value(i)), [...weight.shape]));
    });
  };
  // Logit 0 is the sum of the features, logit 1 is 1.0004 times it (in half precision: 1 times it) less a bias in the middle.
  write(kernel, i => [1, 1.0004][i % 10] ?? 0);
  write(bias, i => (i < 2 ? 0 : -1e9));
  const { logits } = await evaluate(model, split, count);
  const sums = Array.from({ length: count }, (_, i) => logits[10 * i]).sort((a, b) => a - b);
  write(bias, i => [0, -0.0004 * sums[count / 2]][i] ?? -1e9);
  const { confusion } = await evaluate(model, split, count);
  expect(Math.min(sum(confusion, 0), sum(confusion, 1))).toBeGreaterThan(count / 4); // both classes are given
  const { error } = await evaluate(model, split, count);
  await finish(model, error);
  const shipped = await shipWeights(root, 'run', split);
  expect(shipped).toMatchObject({ dtype: 'f32', shipped: error });
  expect(readArrays(shippedFile()).arrays).toEqual(readArrays(final()).arrays);
});

test("a run that isn't finished, or weights that don't give its error, are not shipped", async () => {
  await expect(shipWeights(root, 'run', split)).rejects.toThrow(/records.run.json is missing/);
  const model = createModel('resnet20_v1', { seed: 1 });
  await finish(model, (await evaluate(model, split, count)).error - 3);
  await expect(shipWeights(root, 'run', split)).rejects.toThrow(/the record says .* %: the weights are not this run's/);
  expect(fs.existsSync(path.join(root, 'weights'))).toBe(false);
});
