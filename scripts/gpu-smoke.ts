/**
 * `npx tsx scripts/gpu-smoke.ts`: does XLA work on this machine's accelerator? One command for a machine with a GPU.
 *
 * It names the plugin and its devices, multiplies matrices and takes three training steps of ResNet-20, compares them with a sum in
 * double precision and with the back end wasm, and prints the time of a step in each precision. Exit code 1 when numbers disagree.
 * On a machine without a GPU it does the same on the CPU plugin.
 */
import * as tf from '@tensorflow/tfjs';
import { Command } from 'commander';
import { selectBackend } from '../src/backends';
import { whole } from '../src/cli/numbers';
import { createModel } from '../src/models';
import { jit, type PrecisionPolicy, setPrecisionPolicy, useXla, xlaStats } from '../src/xla';

/** Largest relative difference of losses that rounding explains: bf16 has 8 bits of mantissa, TF32 has 11. */
const TOLERANCE: Record<PrecisionPolicy, number> = {
  float32: 2e-3,
  tensorfloat32: 1e-2,
  mixed_bfloat16: 5e-2,
};

const wave = (shape: number[], step: number): tf.Tensor => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * step)),
    shape,
  );
};

let wrong = 0;
function check(what: string, difference: number, tolerance: number): void {
  const good = difference <= tolerance;
  if (!good) wrong++;
  console.log(
    `${good ? 'ok   ' : 'WRONG'} ${what}: differs by ${difference.toExponential(1)} (≤ ${tolerance})`,
  );
}

const relative = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((x, i) => Math.abs(x - b[i]) / Math.max(1e-3, Math.abs(b[i]))));

/** Product of two matrices `[n, n]` against a double-precision sum. */
async function matmul(n: number): Promise<void> {
  const [a, b] = [wave([n, n], 0.7), wave([n, n], 1.3)];
  const product = await tf.matMul(a, b).data();
  const [x, y] = [await a.data(), await b.data()];
  let worst = 0;
  for (let k = 0; k < 50; k++) {
    const [i, j] = [(k * 37) % n, (k * 101) % n];
    let sum = 0;
    for (let m = 0; m < n; m++) sum += x[i * n + m] * y[m * n + j];
    worst = Math.max(worst, Math.abs(sum - product[i * n + j]));
  }
  check(`product of ${n}×${n} matrices`, worst, 1e-3);
}

/** Losses of the first steps, and the median milliseconds of a step afterwards. */
async function trainingSteps(
  name: string,
  batch: number,
  timed: number,
): Promise<{ losses: number[]; ms: number }> {
  const model = createModel(name, { seed: 1 });
  const optimizer = tf.train.momentum(0.01, 0.9);
  const images = wave([batch, 32, 32, 3], 0.37);
  const classes = tf.tensor1d(Array.from({ length: batch }, (_, i) => i % 10), 'int32'); // prettier-ignore
  const step = jit((x: tf.Tensor, y: tf.Tensor) =>
    optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(tf.oneHot(y, 10), model.apply(x, { training: true }) as tf.Tensor),
      true,
    ),
  );
  const losses: number[] = [];
  const times: number[] = [];
  for (let i = 0; i < 3 + timed; i++) {
    const start = performance.now();
    const loss = (await step.async(images, classes)) as tf.Scalar;
    const [value] = await loss.data();
    loss.dispose();
    if (i < 3) losses.push(value);
    else times.push(performance.now() - start);
  }
  model.dispose();
  tf.dispose([images, classes]);
  return { losses, ms: times.sort((a, b) => a - b)[Math.floor(times.length / 2)] };
}

async function main(options: { model: string; batch: number; steps: number }): Promise<void> {
  // Only the plugin that is used is opened: another one's settings of the process would tell in the times.
  const { plugin, platform, platformVersion, apiVersion, devices, passedOver } = await useXla();
  const { name, version = '', path } = plugin;
  console.log(
    `${name} ${version} (${path}): ${platform} ${platformVersion}, PJRT ${apiVersion.major}.${apiVersion.minor}`,
  );
  for (const { description, kind } of devices) console.log(`  ${kind}: ${description}`);
  passedOver.forEach(other => console.log(`passed over: ${other.path}: ${other.reason}`));
  console.log();
  const precisions: PrecisionPolicy[] = ['float32', 'tensorfloat32', 'mixed_bfloat16'];
  setPrecisionPolicy('float32');
  await matmul(512);

  await selectBackend({ prefer: 'wasm' });
  const reference = await trainingSteps(options.model, 8, 0);
  await tf.setBackend('xla');
  for (const precision of precisions) {
    setPrecisionPolicy(precision);
    const { losses } = await trainingSteps(options.model, 8, 0);
    check(
      `losses of ${options.model}, ${precision}`,
      relative(losses, reference.losses),
      TOLERANCE[precision],
    );
  }
  for (const precision of precisions) {
    setPrecisionPolicy(precision);
    const before = xlaStats().compileMs;
    const { ms } = await trainingSteps(options.model, options.batch, options.steps);
    const compiled = ((xlaStats().compileMs - before) / 1000).toFixed(1);
    const rate = ((1000 * options.batch) / ms).toFixed(0);
    console.log(
      `${options.model}, batch ${options.batch}, ${precision}: ${ms.toFixed(2)} ms a step, ${rate} images/s; compiled in ${compiled} s`,
    );
  }
  process.exitCode = wrong > 0 ? 1 : 0;
}

new Command('gpu-smoke')
  .description('Checks XLA on this machine: devices, numbers, step times.')
  .option('--model <name>', 'a model of src/models', 'resnet20_v1')
  .option('--batch <number>', 'images a timed step', whole(1), 128)
  .option('--steps <number>', 'timed steps', whole(1), 20)
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
