/** A share of TensorFlow.js's own suite on xla; `npm run conformance -- --backend xla` runs all of it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { superviseSuite } from './superviseSuite';

/** A fifth of about 4,200 specs, the same ones each time. */
const SHARE = 0.2;

test('TensorFlow.js’s published test suite', async () => {
  const records = await superviseSuite({ backend: 'xla', share: SHARE, timeout: 120_000 });
  const failed = records.filter(({ outcome }) => ['failed', 'crashed', 'hung'].includes(outcome));
  expect(failed.map(({ name, message }) => `${name}: ${message}`)).toEqual([]);
  expect(records.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(600);
}, 600_000);

test('specs of tfjs-layers come from a checkout, those for cpu alone among them', async () => {
  const checkout = mkdtempSync(join(tmpdir(), 'checkout-'));
  try {
    mkdirSync(join(checkout, 'tfjs-layers/src/layers'), { recursive: true });
    writeFileSync(
      join(checkout, 'tfjs-layers/src/layers/some_test.ts'),
      `import { getBackend } from '@tensorflow/tfjs-core';
       import { describeWithFlags } from '@tensorflow/tfjs-core/dist/jasmine_util';
       describeWithFlags('layer', { predicate: ({ backendName }) => backendName === 'cpu' }, () => {
         it('is on xla', () => expect(getBackend()).toBe('xla'));
         it('is on cpu', () => expect(getBackend()).toBe('cpu'));
       });`,
    );
    const records = await superviseSuite({ backend: 'xla', layers: checkout, share: 1, timeout: 120_000 });
    expect(records.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['layer {} is on xla', 'passed'],
      ['layer {} is on cpu', 'failed'],
    ]);
  } finally {
    rmSync(checkout, { recursive: true });
  }
}, 120_000);
