/** `npm run ship -- RUN…`: ships the final weights of finished runs (weights/pretrained/), once they give the records' errors. */
import * as path from 'node:path';
import { selectBackend } from '../src/backends';
import { loadCifar10 } from '../src/data';
import { UserError } from '../src/errors';
import { shipWeights } from './ship/shipWeights';

async function main(runs: readonly string[]): Promise<void> {
  if (runs.length === 0) throw new UserError('Name one run or more: npm run ship -- resnet20_v1');
  console.log((await selectBackend()).why);
  const { test } = await loadCifar10();
  for (const run of runs) {
    const { file, dtype, recorded, computed, shipped, bytes } = await shipWeights(
      path.join(__dirname, '..'),
      run,
      test,
    );
    console.log(`${path.relative('', file)}: ${dtype}, ${(bytes / 1e6).toFixed(2)} MB; test error ${shipped} % (record ${recorded} %, the run's weights here ${computed} %)`); // prettier-ignore
  }
  console.log('Now: npm run report');
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = 1;
});
