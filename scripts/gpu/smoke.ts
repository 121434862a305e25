/** The smoke test: does XLA work on this machine's accelerator, are its numbers right, and how long do steps take? */
import * as tf from '@tensorflow/tfjs';
import { Command, Option } from 'commander';
import { whole } from '../../src/cli/numbers';
import { PRECISIONS } from '../../src/train/options';
import { type PrecisionPolicy, setPrecisionPolicy, useXla, type XlaInfo, xlaStats } from '../../src/xla';
import { compilerTools } from '../../src/xla/pjrt/cudaTools';
import { librariesBefore } from '../../src/xla/pjrt/platform';
import { onlyCpu } from './onlyCpu';
import { LOSSES, referenceLosses } from './referenceLosses';
import { TrainingSteps, wave } from './trainingSteps';

/**
 * Largest relative differences of losses that rounding explains: bf16 has 8 bits of mantissa, TF32 has 11. The first loss is that of a forward
 * pass; on the way to the last, steps have added up what they rounded.
 */
const TOLERANCE: Record<PrecisionPolicy, { first: number; last: number }> = {
  float32: { first: 1e-3, last: 5e-3 },
  tensorfloat32: { first: 5e-3, last: 2e-2 },
  mixed_bfloat16: { first: 1e-2, last: 1e-1 },
};

interface Options {
  model: string;
  batch: number;
  steps: number;
  stepsPerCall: number;
  precision: PrecisionPolicy[];
  cpu?: boolean;
}

/** Prints whether a difference is small enough, and returns it. */
function judge(what: string, difference: number, limit: number): boolean {
  const good = difference <= limit;
  console.log(`${good ? 'ok   ' : 'WRONG'} ${what} differs by ${difference.toExponential(1)} (≤ ${limit})`);
  return good;
}

/** Plugin, devices, NVIDIA's tools, and what was passed over. */
function describe({ plugin, platform, platformVersion, apiVersion, devices, passedOver }: XlaInfo): void {
  const { name, version = '', path, source } = plugin;
  const api = `${apiVersion.major}.${apiVersion.minor}`;
  console.log(`plugin ${name} ${version} (${source}: ${path}): ${platform} ${platformVersion}, PJRT ${api}`);
  for (const { description, kind } of devices) console.log(`device ${kind}: ${description}`);
  if (plugin.kind === 'cuda') {
    const { folder, source: by, missing } = compilerTools(plugin)!;
    console.log(`ptxas and libdevice: ${missing ?? `${folder} (${by})`}`);
    console.log(
      `NVIDIA's libraries from packages: ${librariesBefore(plugin).join(' ') || "none: the system's"}`,
    );
  }
  for (const other of passedOver) console.log(`passed over ${other.path}: ${other.reason}`);
}

/** Largest difference of a product of two matrices `[n, n]` from sums in double precision, of 50 elements. */
async function matmulDifference(n: number): Promise<number> {
  const [a, b] = [wave([n, n], 0.7), wave([n, n], 1.3)];
  const result = tf.matMul(a, b);
  const [product, x, y] = await Promise.all([result.data(), a.data(), b.data()]);
  tf.dispose([a, b, result]);
  let worst = 0;
  for (let k = 0; k < 50; k++) {
    const [i, j] = [(k * 37) % n, (k * 101) % n];
    let sum = 0;
    for (let m = 0; m < n; m++) sum += x[i * n + m] * y[m * n + j];
    worst = Math.max(worst, Math.abs(sum - product[i * n + j]));
  }
  return worst;
}

/** What an action returns, and how its programs were made: 'compiled in 5.1 s'. */
async function making<T>(action: () => Promise<T>): Promise<{ result: T; made: string }> {
  const before = xlaStats();
  const result = await action();
  const after = xlaStats();
  const how = after.compiled > before.compiled ? 'compiled' : 'loaded from disk';
  return { result, made: `${how} in ${((after.compileMs - before.compileMs) / 1000).toFixed(1)} s` };
}

/** Judges the first and the last of the losses; where there is no reference they are only shown. */
function judgeLosses(
  losses: readonly number[],
  precision: PrecisionPolicy,
  { model, batch }: Options,
): boolean {
  console.log(
    `losses of ${model}, batch ${batch}, ${precision}: ${losses.map(loss => loss.toFixed(5)).join(' ')}`,
  );
  const reference = referenceLosses(model, batch);
  if (!reference) {
    console.log(`     not judged: scripts/gpu/losses.json has none of this model and batch`);
    return losses.every(Number.isFinite);
  }
  const difference = (i: number) => Math.abs(losses[i] / reference[i] - 1);
  const { first, last } = TOLERANCE[precision];
  const good = judge('the first', difference(0), first);
  return judge('the last', difference(LOSSES - 1), last) && good;
}

/** Losses and times in one precision; whether the losses are right. */
async function tryPrecision(precision: PrecisionPolicy, options: Options): Promise<boolean> {
  const { model, batch, steps, stepsPerCall } = options;
  setPrecisionPolicy(precision);
  const training = new TrainingSteps(model, batch);
  const tell = (what: string, ms: number, made = '') =>
    console.log(
      `     ${what.padEnd(24)} ${ms.toFixed(2)} ms a step, ${((1000 * batch) / ms).toFixed(0)} images/s${made && `; ${made}`}`,
    );
  const single = await making(() => training.losses(LOSSES));
  const good = judgeLosses(single.result, precision, options);
  tell('one step, waited for:', await training.waited(steps), single.made);
  tell('steps in a row:', await training.inARow(steps), 'the same program');
  const loop = await making(() => training.loop(stepsPerCall));
  tell(`${stepsPerCall} steps a call:`, await loop.result(Math.ceil(steps / stepsPerCall)), loop.made);
  training.dispose();
  return good;
}

async function main(options: Options): Promise<void> {
  // Only the plugin that is used is opened: another one's settings of the process would tell in the times.
  const info = await useXla();
  describe(info);
  if (info.plugin.kind === 'cpu' && !options.cpu)
    throw onlyCpu(
      info.passedOver.map(({ path, reason }) => `${path}: ${reason}`),
      'tries it all the same',
    );
  setPrecisionPolicy('float32');
  let good = judge('a product of 512×512 matrices', await matmulDifference(512), 1e-3);
  for (const precision of options.precision) good = (await tryPrecision(precision, options)) && good;
  console.log(good ? 'All is well.' : 'Numbers are wrong: see above.');
  process.exitCode = good ? 0 : 1;
}

/** The command line; exit code 1 when numbers disagree, or there is no GPU. */
export function smokeCommand(): Command {
  return new Command('smoke')
    .description(
      'Checks XLA on this machine: names plugin and devices, multiplies matrices, takes training steps, ' +
        'compares the numbers with known ones, and tells how long compiling and steps take',
    )
    .option('--model <name>', 'a model of src/models', 'resnet20_v1')
    .option('--batch <n>', 'images a step', whole(1), 128)
    .option('--steps <n>', 'timed steps of each kind', whole(1), 60)
    .option('--steps-per-call <n>', 'steps that are one program', whole(1), 20)
    .addOption(
      new Option('--precision <names...>', 'only these')
        .choices([...PRECISIONS])
        .default([...PRECISIONS], 'all'),
    )
    .option('--cpu', 'tries it even where there is only a CPU')
    .action(main);
}
