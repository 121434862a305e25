/** `npm run speedrun` and the bundle's ./run-speedrun. */
import * as path from 'node:path';
import { Command, Option } from 'commander';
import { selectBackend } from '../../src/backends';
import { positive, whole } from '../../src/cli/numbers';
import { loadCifar10 } from '../../src/data';
import { projectRoot } from '../../src/projectRoot';
import { PRECISIONS } from '../../src/train/options';
import { currentCommit } from '../../src/train/record';
import { speedrun, type SpeedrunOptions, writeSpeedrun } from '../../src/train/speedrun';

interface Options {
  epochs?: number;
  batch?: number;
  seed: number;
  precision: NonNullable<SpeedrunOptions['precision']>;
  name?: string;
  verbose?: boolean;
}

async function main({ epochs, batch, seed, precision, name, verbose }: Options): Promise<void> {
  const backend = await selectBackend({ prefer: 'xla' });
  console.log(backend.why);
  const commit = currentCommit();
  const recipe = { ...(epochs ? { epochs } : {}), ...(batch ? { batchSize: batch } : {}) };
  const onRound: SpeedrunOptions['onRound'] = ({ step, steps, loss, error, seconds }) =>
    console.log(
      `step ${step}/${steps} loss ${loss.toFixed(4)} train error ${error.toFixed(2)} % ${seconds.toFixed(1)} s`,
    );
  const result = await speedrun(await loadCifar10(), {
    recipe,
    seed,
    precision,
    ...(verbose ? { onRound } : {}),
  });
  console.log(
    `accuracy ${(100 - result.testError).toFixed(2)} % after ${result.steps} steps: ${result.trainSeconds.toFixed(2)} s of training, ` +
      `${result.viewsSeconds.toFixed(2)} s of examining, ${result.compileSeconds.toFixed(1)} s of compiling before`,
  );
  if (!name) return;
  writeSpeedrun(path.join(projectRoot(), 'records', 'speedrun'), {
    name,
    commit,
    device: backend.device,
    date: new Date().toISOString(),
    ...result,
  });
}

/** The command line. */
export function speedrunCommand(): Command {
  return new Command('speedrun')
    .option('--epochs <number>', "in place of the paper's 9.9", positive)
    .option('--batch <number>', "in place of the paper's 1024", whole(1))
    .option('--seed <number>', 'fixes initial weights, order and crops', whole(0), 0)
    .addOption(
      new Option('--precision <name>', 'of products; the paper trains in half')
        .choices(PRECISIONS)
        .default('float32'),
    )
    .option('--name <name>', 'writes a record of this name')
    .option('--verbose', 'shows every round (which costs time)')
    .action(main);
}
