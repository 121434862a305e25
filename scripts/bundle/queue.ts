/**
 * The program in the bundle (`./run-queue`): trains what is next in experiments/queue.yaml for some minutes, and leaves what is to
 * be brought home in a folder.
 */
import * as path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type SelectedBackend, selectBackend } from '../../src/backends';
import { firstLine } from '../../src/backends/backend';
import { whole } from '../../src/cli/numbers';
import { type Cifar10, loadCifar10 } from '../../src/data';
import { UserError } from '../../src/errors';
import { type Experiment, readExperiments } from '../../src/train/experiment';
import { PRECISIONS, type TrainOptions } from '../../src/train/options';
import { runExperiment } from '../../src/train/runExperiment';
import { cacheFolder } from '../../src/xla/folders';
import { onlyCpu } from '../gpu/onlyCpu';
import { requireImages } from './images';
import { readQueue } from './queueFile';
import { type Packed, packResults } from './results';
import { runToEnd } from './runToEnd';
import { shortened } from './shortened';
import { defaultStepsPerCall } from './stepsPerCall';

/** Where the bundle was unpacked: records, logs and experiments lie there. */
const root = __dirname;

/** Seconds between two packings of the results: what a kill of this program leaves is at most so old. */
const PACK_SECONDS = 120;

/** The time that files of the bundle have is before this, in milliseconds since 1970: they need not be brought home. */
const UNPACKED = Date.UTC(2000, 0, 3);

interface QueueOptions {
  minutes: number;
  out?: string;
  only?: string[];
  precision?: TrainOptions['precision'];
  stepsPerCall?: number;
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
  /** Default: what suits the back end and the model. */
  stepsPerCall: number | undefined;
  /** Where errors go whole that are too long to be said. */
  log: string;
}

/** Trains one after the other until the time is over, and says how each went. One that fails does not stop the rest. */
async function trainAll(experiments: readonly Experiment[], machine: Machine): Promise<string[]> {
  const summary: string[] = [];
  for (const experiment of experiments) {
    const { name } = experiment;
    try {
      summary.push(`${name}: ${await trainOne(experiment, machine)}`);
    } catch (error) {
      const said = shortened(error, machine.log);
      summary.push(`${name}: failed, ${firstLine(error).slice(0, 200)}`);
      say(`${name} failed: ${said}`);
    }
  }
  return summary;
}

async function trainOne(experiment: Experiment, { until, ...machine }: Machine): Promise<string> {
  const minutes = (until - Date.now()) / 60_000;
  if (minutes <= 0 || machine.signal.aborted) return 'no time left';
  const { name } = experiment;
  const stepsPerCall = machine.stepsPerCall ?? defaultStepsPerCall(machine.backend.kind, experiment.model);
  say(`${name} begins, ${minutes.toFixed(1)} minutes left, steps a call: ${stepsPerCall}`);
  const outcome = await runExperiment(experiment, {
    ...machine,
    ...{ minutes, stepsPerCall },
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

/** Opens the device; nothing is trained on a CPU by mistake. */
async function openDevice(cpu: boolean | undefined): Promise<SelectedBackend> {
  const backend = await selectBackend({ prefer: 'xla' });
  say(backend.why);
  const reasons = backend.passedOver.map(({ reason }) => `not ${reason}`);
  reasons.forEach(say);
  if (backend.kind === 'cpu' && !cpu) throw onlyCpu(reasons, 'trains on it');
  return backend;
}

/** Trains until the time is over or a signal comes, and packs now and then what there is. */
async function trainQueue(options: QueueOptions, begin: number, pack: () => unknown): Promise<void> {
  const experiments = queued(options.only);
  requireImages(root);
  const backend = await openDevice(options.cpu);
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const timer = setInterval(() => {
    try {
      pack();
    } catch (error) {
      say(`The results can't be packed now: ${firstLine(error)}. Training goes on.`);
    }
  }, PACK_SECONDS * 1000);
  const { precision, stepsPerCall } = options;
  const summary = await trainAll(experiments, {
    ...{ backend, precision, stepsPerCall, data: await loadCifar10(), signal: stop.signal },
    until: begin + options.minutes * 60_000,
    log: options.out ?? root,
  });
  clearInterval(timer);
  console.log(summary.join('\n'));
}

function tellPacked({ results, cache }: Packed, out: string): void {
  if (results + cache === 0) return console.log('Nothing has changed: there are no results to bring home.');
  console.log(
    `${results} parts of results in ${out}. Bring them home, then: npm run bundle -- collect FOLDER`,
  );
  if (cache)
    console.log(`${cache} parts more, cache.zip.001 …: what XLA measured and compiled, which saves time on a next machine.`); // prettier-ignore
}

async function main(given: QueueOptions): Promise<void> {
  const begin = Date.now();
  const out = given.out && path.resolve(given.out);
  const options = { ...given, out };
  process.chdir(root); // logs are written relative to it
  const since = options.all || options.minutes === 0 ? UNPACKED : begin;
  const pack = () => out && packResults(root, out, { since, parts: options.parts, cache: cacheFolder() });
  if (options.minutes > 0) await trainQueue(options, begin, pack);
  else if (!out) for (const { name, model } of queued(options.only)) console.log(`${name} (${model})`);
  const packed = pack();
  if (out && packed) tellPacked(packed, out);
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
  .option(
    '--steps-per-call <n>',
    'steps that are one program of the device (default: 20 on a GPU, else 1)',
    whole(1),
  )
  .option('--cpu', 'trains even where there is only a CPU')
  .option('--parts <from-to>', 'leaves only these parts of the results in the folder', range)
  .option('--all', 'results of earlier calls too, not only what this one changed')
  .action(main);

void runToEnd(program, root);
