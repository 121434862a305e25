/**
 * `npx tsx scripts/gpu-compile.ts`: training steps compiled for an NVIDIA H100 on a machine that has none. XLA's CUDA compiler gets the
 * programs that such a GPU would run, so that what it refuses is known before one is at hand. What only the GPU can tell: speed, and which
 * of several kernels is fastest (XLA measures that; here it takes them as they come).
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { Command, Option } from 'commander';
import { replaceFile } from '../src/atomicFile';
import { whole } from '../src/cli/numbers';
import { IMAGE_BYTES } from '../src/data';
import { UserError } from '../src/errors';
import { createModel, MODELS } from '../src/models';
import { projectRoot } from '../src/projectRoot';
import { fillOptions, PRECISIONS } from '../src/train/options';
import { Sgd } from '../src/train/sgd';
import { makeStep } from '../src/train/step';
import { modelWeights } from '../src/weights';
import { jit, type PrecisionPolicy, setPrecisionPolicy, uint8Tensor, useXla } from '../src/xla';
import { discoverPlugins, pluginAt, type Plugin, PjrtTopology } from '../src/xla/pjrt';
import { h100 } from './gpu/h100';
import { jaxProgram } from './gpu/jax';
import { type Work, workOf } from './gpu/work';

/** Tuning measures kernels, for which there is no device. */
const UNTUNED = { xla_gpu_autotune_level: 0 };

interface Options {
  plugin?: string;
  models: string;
  programs?: string;
  precision: PrecisionPolicy;
  batch: number;
  devices: number;
  jax?: boolean;
  save?: string;
}

/** The plugin that was named, or a CUDA one, though there is no driver for it. */
function cudaPlugin(file?: string): Plugin {
  if (file && !fs.existsSync(file)) throw new UserError(`--plugin ${file}: there is no such file.`);
  const { found, passedOver } = discoverPlugins();
  const paths = file ? [file] : [...found, ...passedOver].map(each => each.path);
  const cuda = paths.find(each => /cuda/.test(path.basename(each)));
  if (!cuda) {
    const install = '.venv/bin/pip install -r requirements-cuda13.txt';
    throw new UserError(`There is no CUDA plugin: install one (${install}), or name it with --plugin.`);
  }
  return pluginAt(cuda, '--plugin');
}

/** A training step's programs, as they are written for CUDA: one, or several where it is cut. */
function programs(name: string, { batch, devices }: Options): string[] {
  const model = createModel(name);
  const options = fillOptions({ batchSize: batch, augment: true });
  const weights = modelWeights(model).filter(weight => weight.trainable);
  const step = jit(makeStep(model, weights, new Sgd(weights, options), undefined, options), {
    ...{ name, platform: 'cuda', onTrace: () => undefined },
    sharding: devices > 1 ? { devices, split: { 1: 0, 2: 0 } } : undefined,
  });
  const images = uint8Tensor(new Uint8Array(batch * IMAGE_BYTES), [batch, 32, 32, 3]) as tf.Tensor4D;
  const rows = tf.range(0, batch, 1, 'int32') as tf.Tensor1D;
  const text = step.stablehlo(images, rows, rows, tf.tensor1d([1, 2], 'int32'), tf.scalar(0.1));
  tf.disposeVariables();
  return text.split(/\n(?=module )/);
}

/** What became of a training step. */
interface Compiled extends Work {
  programs: number;
  seconds: number;
  /** Megabytes; of cut steps the largest part. */
  temporaryMB: number;
  argumentsMB: number;
}

async function compile(
  topology: PjrtTopology,
  texts: readonly string[],
  { devices }: Options,
): Promise<Compiled> {
  const result = { programs: texts.length, launches: 0, convolutions: 0, movedMB: 0 };
  let [temporaryMB, argumentsMB] = [0, 0];
  const start = performance.now();
  for (const text of texts) {
    const program = await topology.compile(text, { flags: UNTUNED, partitions: devices });
    const { temporary = 0, arguments: given = 0 } = program.memory() ?? {};
    const work = workOf(program.optimizedProgram());
    result.launches += work.launches;
    result.convolutions += work.convolutions;
    result.movedMB += work.movedMB;
    temporaryMB = Math.max(temporaryMB, temporary / 1e6);
    argumentsMB = Math.max(argumentsMB, given / 1e6);
    program.destroy();
  }
  return { ...result, temporaryMB, argumentsMB, seconds: (performance.now() - start) / 1000 };
}

const described = ({ programs: count, launches, convolutions, movedMB, temporaryMB, seconds }: Compiled) =>
  `${seconds.toFixed(1)} s, ${count > 1 ? `${count} programs, ` : ''}${launches} launches, ${convolutions} convolutions by cuDNN, ` +
  `${movedMB.toFixed(0)} MB read and written, ${temporaryMB.toFixed(0)} MB of temporary memory`;

/** Compiles every StableHLO file of a folder; says which are refused. */
async function compileFolder(topology: PjrtTopology, folder: string): Promise<void> {
  const files = fs.existsSync(folder) ? fs.readdirSync(folder).filter(file => file.endsWith('.mlir')) : [];
  if (files.length === 0) {
    const make = `XLA_WRITE_FOR=cuda XLA_DUMP_TO=${folder} before a program that uses the backend makes one`;
    throw new UserError(`--programs ${folder}: there are no .mlir files; ${make}.`);
  }
  let refused = 0;
  for (const file of files) {
    try {
      const text = fs.readFileSync(path.join(folder, file), 'utf8');
      const program = await topology.compile(text, { flags: UNTUNED });
      program.destroy();
    } catch (error) {
      refused++;
      console.log(`${file} REFUSED: ${(error as Error).message}`);
    }
  }
  console.log(`${files.length} programs: ${files.length - refused} compiled, ${refused} refused`);
  if (refused > 0) process.exitCode = 1;
}

async function main(options: Options): Promise<void> {
  const { precision, batch, devices, save } = options;
  const plugin = cudaPlugin(options.plugin);
  const topology = PjrtTopology.create(plugin, 'h100', {
    ...{ topology: `1x1x${devices}`, target_config: h100(/cuda-?12/.test(plugin.path) ? 12 : 13) },
  });
  if (options.programs) return compileFolder(topology, options.programs);
  await useXla({ kind: 'cpu', cpuDevices: devices }); // records; nothing runs on it
  setPrecisionPolicy(precision);
  const names = options.models === 'all' ? MODELS.map(({ name }) => name) : options.models.split(',');
  const results: ({ model: string; jax?: Compiled } & (Compiled | { error: string }))[] = [];
  const store = (): void => {
    if (!save) return;
    const { major, minor } = topology.apiVersion;
    const record = {
      plugin: path.basename(path.dirname(plugin.path)),
      pjrt: `${major}.${minor}`,
      target: 'NVIDIA H100 80GB HBM3',
    };
    const settings = { precision, batch, devices, date: new Date().toISOString() };
    const file = path.join(projectRoot(), 'bench', 'results', `${save}.json`);
    replaceFile(file, `${JSON.stringify({ ...record, ...settings, results }, null, 1)}\n`);
  };
  for (const model of names) {
    process.stdout.write(`${model}, ${precision}, batch ${batch}${devices > 1 ? `, ${devices} GPUs` : ''}: `);
    try {
      const done = await compile(topology, programs(model, options), options);
      console.log(described(done));
      const jax = options.jax
        ? await compile(topology, [jaxProgram(model, batch, precision)], options)
        : undefined;
      if (jax) console.log(`  JAX's: ${described(jax)}`);
      results.push({ model, ...done, jax });
    } catch (error) {
      results.push({ model, error: (error as Error).message });
      console.log(`REFUSED: ${(error as Error).message}`);
      process.exitCode = 1;
    }
    store();
  }
}

new Command('gpu-compile')
  .description('Compiles training steps for an H100, without one.')
  .option('--plugin <file>', 'a CUDA plugin; default: the first that is installed')
  .option('--models <names>', 'comma-separated, or all', 'resnet20_v1')
  .option('--programs <folder>', 'StableHLO files instead of models, as XLA_DUMP_TO leaves them')
  .addOption(new Option('--precision <name>', 'of products').choices(PRECISIONS).default('float32'))
  .option('--batch <number>', 'images a step', whole(1), 128)
  .option('--devices <number>', 'GPUs that share a step', whole(1), 1)
  .option(
    '--jax',
    "beside them JAX's own steps (resnet20_v1, vgg16, wrn_16_4; npm run bench -- --setup installs it)",
  )
  .option('--save <name>', 'also write bench/results/<name>.json')
  .action(main)
  .parseAsync()
  .catch((error: unknown) => {
    console.error(error instanceof UserError ? error.message : error);
    process.exitCode = 1;
  });
