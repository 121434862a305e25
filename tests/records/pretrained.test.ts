import * as fs from 'fs';
import * as path from 'path';
import { selectBackend } from '../../src/backends';
import { loadCifar10 } from '../../src/data';
import { createModel, findModel, MODELS } from '../../src/models';
import { evaluate } from '../../src/train';
import { readRecord } from '../../src/train/record';
import { PRETRAINED_FOLDER, readArrays } from '../../src/weights';

const root = path.join(__dirname, '..', '..');
const folder = path.join(root, PRETRAINED_FOLDER);
const shipped = MODELS.filter(({ name }) => fs.existsSync(path.join(folder, `${name}.safetensors`)));
const [first] = [...shipped].sort((a, b) => a.multiplyAdds - b.multiplyAdds);

const metadataOf = (name: string) => readArrays(path.join(folder, `${name}.safetensors`)).metadata;
const recordOf = (name: string) => readRecord(path.join(root, 'records'), metadataOf(name).run)!;

if (!first) console.warn('SKIPPED: no weights are shipped yet.');
const whenShipped = first ? test : test.skip;

whenShipped('every file of weights belongs to a model and to the record of the run that made it', () => {
  expect(fs.readdirSync(folder).sort()).toEqual(shipped.map(({ name }) => `${name}.safetensors`).sort());
  for (const { name } of shipped) expect(recordOf(name)).toMatchObject({ model: name, parameters: findModel(name).parameters });
  const bytes = shipped.map(({ name }) => fs.statSync(path.join(folder, `${name}.safetensors`)).size);
  expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(200e6);
});

whenShipped('their errors are those of the records, by another precision a few images of 10,000 more or less', () => {
  for (const { name } of shipped) {
    const { precision, finalTestError } = recordOf(name);
    const allowed = precision === 'float32' ? 0 : 0.1;
    expect(Math.abs(Number(metadataOf(name).testError) - finalTestError)).toBeLessThanOrEqual(allowed);
  }
});

whenShipped('the smallest shipped model has on the whole test set the error that its file tells', async () => {
  await selectBackend();
  const { test: testSet } = await loadCifar10();
  const { error } = await evaluate(createModel(first.name, { pretrained: true }), testSet);
  // Another device's rounding may turn an image or two of 10,000.
  expect(Math.abs(error - Number(metadataOf(first.name).testError))).toBeLessThanOrEqual(0.0201);
}, 300_000);
