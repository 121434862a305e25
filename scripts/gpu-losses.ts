/**
 * `npx tsx scripts/gpu-losses.ts`: the losses that the smoke test (scripts/gpu-smoke.ts) compares with, those of the first training
 * steps on the back end wasm, which shares no code with XLA. Writes scripts/gpu/losses.json; to be called when the models or their
 * first weights change.
 */
import * as path from 'node:path';
import { replaceFile } from '../src/atomicFile';
import { selectBackend } from '../src/backends';
import { LOSSES, type ReferenceLosses } from './gpu/referenceLosses';
import { TrainingSteps } from './gpu/trainingSteps';

/** Models and images a step: the smoke test's own, and a small one for tests. */
const WANTED: readonly (readonly [model: string, batch: number])[] = [
  ['resnet20_v1', 8],
  ['resnet20_v1', 128],
  ['vgg16', 128],
];

async function main(): Promise<void> {
  await selectBackend({ prefer: 'wasm' });
  const lines: string[] = [];
  for (const [model, batch] of WANTED) {
    const steps = new TrainingSteps(model, batch);
    lines.push(line({ model, batch, losses: await steps.losses(LOSSES) }));
    steps.dispose();
    console.log(lines[lines.length - 1]);
  }
  replaceFile(path.join(__dirname, 'gpu', 'losses.json'), `[\n${lines.join(',\n')}\n]\n`);
}

/** As Prettier writes it. */
const line = ({ model, batch, losses }: ReferenceLosses): string =>
  `  { "model": "${model}", "batch": ${batch}, "losses": [${losses.map(loss => Number(loss.toPrecision(7))).join(', ')}] }`;

void main();
