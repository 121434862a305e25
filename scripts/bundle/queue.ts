/**
 * The program in the bundle (`./run-queue`): trains what is next in experiments/queue.yaml for some minutes, and leaves what is to
 * be brought home in a folder.
 */
import * as path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type SelectedBackend, selectBackend } from '../../src/backends';
import { type Cifar10, loadCifar10 } from '../../src/data';
import { UserError } from '../../src/errors';
import { type Experiment, readExperiments } from '../../src/train/experiment';
import { PRECISIONS, type TrainOptions } from '../../src/train/options';
import { runExperiment } from '../../src/train/runExperiment';
import { readQueue } from './queueFile';
import { packResults } from './results';

/** Where the bundle was unpacked: records, logs and experiments lie there. */
const root = __dirname;

/** Seconds between two packings of the results: what a kill of this program leaves is at most so old. */
const PACK_SECONDS = 120;

interface QueueOptions {
  minutes: number;
  out?: string;
  only?: string[];
  precision?: TrainOptions['precision'];
  cpu?: boolean;
  parts?: [number, number];
  all?: boolean;
}

const clock = (): string => new Date().toISOString().slice(11, 19);
const say = (message: string): void => console.log(`${clock()} ${message}`);

function minutes(text: string): number {
  const value = Number(text);
  if (!(value >= 0) || text === '') throw new InvalidArgumentError('Give a number of at least 0.');
  return value;
}

function range(text: string): [number, number] {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (from === undefined || +from < 1 || +to < +from) throw new InvalidArgumentError('Give a range, as 5-8.');
  return [+from, +to];
}

/** The experiments of the queue, in order. */
function queued(only: string[] | undefined): Experiment[] {
  const all = readQueue(path.join(root, 'experiments', 'queue.yaml')).flatMap(file => readExperiments(file));
  for (const name of only ?? []) {
    if (!all.some(experiment => experiment.name === name))
      throw new UserError(
        `The queue has no run '${name}': it has ${all.map(experiment => experiment.name).join(', ')}.`,
      );
  }
  return only ? all.filter(({ name }) => only.includes(name)) : all;
}

/** What every run of the queue shares. */
interface Machine {
  backend: SelectedBackend;
  data: Cifar10;
  /** When to stop, in milliseconds since 1970. */
  until: number;
  signal: AbortSignal;
  precision: TrainOptions['precision'];
}

/** Trains one after the other until the time is over, and says how each went. One that fails does not stop the rest. */
async function trainAll(experiments: readonly Experiment[], machine: Machine): Promise<string[]> {
  const summary: string[] = [];
  for (const experiment of experiments) {
    const { name } = experiment;
    try {
      summary.push(`${name}: ${await trainOne(experiment, machine)}`);
    } catch (error) {
      summary.push(`${name}: failed, ${(error as Error).message}`);
      say(`${name} failed: ${(error as Error).stack}`);
    }
  }
  return summary;
}

async function trainOne(experiment: Experiment, { until, ...machine }: Machine): Promise<string> {
  const minutes = (until - Date.now()) / 60_000;
  if (minutes <= 0 || machine.signal.aborted) return 'no time left';
  const { name } = experiment;
  say(`${name} begins, ${minutes.toFixed(1)} minutes left`);
  const outcome = await runExperiment(experiment, {
    ...machine,
    minutes,
    onProgress: p =>
      say(
        `${name} step ${p.step}/${p.steps} loss ${p.loss.toFixed(4)} train error ${p.error.toFixed(2)} % ` +
          `${p.imagesPerSecond.toFixed(0)} images/s, ${(p.secondsLeft / 60).toFixed(1)} minutes to its end`,
      ),
    onValidation: ({ step, error }) => say(`${name} step ${step} validation error ${error.toFixed(2)} %`),
    onWarning: say,
  });
  if (outcome.status === 'interrupted')
    return `interrupted at step ${outcome.result.step} of ${outcome.result.steps}`;
  return `${outcome.status}, test error ${outcome.record.finalTestError} %`;
}

async function main(options: QueueOptions): Promise<void> {
  const begin = Date.now();
  const out = options.out && path.resolve(options.out);
  process.chdir(root); // logs are written relative to it
  const pack = (): number =>
    out
      ? packResults(root, out, {
          since: options.all || options.minutes === 0 ? 0 : begin,
          parts: options.parts,
        })
      : 0;
  const experiments = queued(options.only);
  if (options.minutes > 0) {
    const backend = await selectBackend({ prefer: 'xla' });
    say(backend.why);
    const reasons = backend.passedOver.map(({ reason }) => `not ${reason}`);
    reasons.forEach(say);
    if (backend.kind === 'cpu' && !options.cpu)
      throw new UserError(`There is only a CPU here (${reasons.join('; ') || 'no plugin for a GPU was found: PJRT_PLUGIN names one'}). --cpu trains on it.`); // prettier-ignore
    const stop = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
    const packIfPossible = (): void => {
      try {
        pack();
      } catch (error) {
        say(`The results can't be packed now: ${(error as Error).message}. Training goes on.`);
      }
    };
    const timer = setInterval(packIfPossible, PACK_SECONDS * 1000);
    const until = begin + options.minutes * 60_000;
    const { precision } = options;
    const machine = { backend, data: await loadCifar10(), until, signal: stop.signal, precision };
    const summary = await trainAll(experiments, machine);
    clearInterval(timer);
    console.log(summary.join('\n'));
  } else if (!out) console.log(experiments.map(({ name, model }) => `${name} (${model})`).join('\n'));
  const parts = pack();
  if (!out) return;
  console.log(
    parts === 0
      ? 'Nothing has changed: there are no results to bring home.'
      : `${parts} parts of results in ${out}. Bring them home, then: npm run bundle -- collect FOLDER`,
  );
}

const program = new Command('run-queue')
  .description('Trains what is next in experiments/queue.yaml, going on with what was broken off')
  .requiredOption(
    '--minutes <number>',
    'stops, and saves, after that time; 0 only packs results (or lists the queue)',
    minutes,
  )
  .option('--out <folder>', 'where records, weights and checkpoints are left, in files of at most 15 MB')
  .option('--only <names...>', 'only these runs of the queue')
  .addOption(
    new Option('--precision <name>', "in place of the experiments' own (float32)").choices([...PRECISIONS]),
  )
  .option('--cpu', 'trains even where there is only a CPU')
  .option('--parts <from-to>', 'leaves only these parts of the results in the folder', range)
  .option('--all', 'results of earlier calls too, not only what this one changed')
  .action(main);

program.parseAsync().then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error instanceof UserError ? error.message : error);
    process.exit(1);
  },
);
