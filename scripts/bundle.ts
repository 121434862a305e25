/**
 * `npm run bundle`: packs what trains the queue on a machine without internet and Node packages; docs/gpu-queue.md says how it is
 * used. `npm run bundle -- collect FOLDER…` puts what came back in place.
 */
import * as path from 'node:path';
import { Command } from 'commander';
import { positive } from '../src/cli/numbers';
import { UserError } from '../src/errors';
import { makeBundle } from './bundle/pack';
import { CACHE, collectResults } from './bundle/results';

const root = path.join(__dirname, '..');
const MB = 1_000_000;

const program = new Command('bundle')
  .description('Packs program, Node, CIFAR-10 and unfinished runs into parts')
  .option('--out <folder>', 'where the parts are written (emptied first)', path.join('dist', 'bundle'))
  .option('--part-mb <number>', 'largest size of a part, in millions of bytes', positive, 60)
  .option('--no-state', 'leave unfinished runs behind')
  .option('--program-only', 'only the program with Node, without images: for a first, short trip')
  .action(async (options: { out: string; partMb: number; state: boolean; programOnly?: boolean }) => {
    const partBytes = Math.floor(options.partMb * MB);
    const { parts, appBytes, dataBytes } = await makeBundle({ ...options, root, partBytes });
    const size = (bytes: number) => `${(bytes / MB).toFixed(1)} MB`;
    console.log(`${options.out}: ${parts.length} parts, ${size(appBytes + dataBytes)} (program ${size(appBytes)}, images ${size(dataBytes)})`); // prettier-ignore
    console.log('Copy them with unpack.sh and parts.sha256 to one folder there, then: sh unpack.sh');
  });

program
  .command('collect')
  .description('Puts records, weights and checkpoints that came back in place')
  .argument(
    '<folders...>',
    'folders that hold results.json and results.zip.NNN, cache.json and cache.zip.NNN',
  )
  .action((folders: string[]) => {
    const files = collectResults(folders, root);
    const [cached, others] = [true, false].map(kept =>
      files.filter(file => file.startsWith('.cache') === kept),
    );
    others.forEach(file => console.log(file));
    if (cached.length) console.log(`${cached.length} files that XLA measured or compiled, in ${CACHE}`);
  });

program.parseAsync().catch((error: unknown) => {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
});
