/** A share of TensorFlow.js's own suite on xla; `npm run conformance -- --backend xla` runs all of it. */
import { superviseSuite } from './superviseSuite';

/** A fifth of about 4,200 specs, the same ones each time. */
const SHARE = 0.2;

test('TensorFlow.js’s published test suite', async () => {
  const records = await superviseSuite({ backend: 'xla', share: SHARE, timeout: 120_000 });
  const failed = records.filter(({ outcome }) => ['failed', 'crashed', 'hung'].includes(outcome));
  expect(failed.map(({ name, message }) => `${name}: ${message}`)).toEqual([]);
  expect(records.filter(({ outcome }) => outcome === 'passed').length).toBeGreaterThan(600);
}, 600_000);
