/**
 * The second half of `npm run zoo`: runs models that others published on `xla`, compares their outputs with those of TensorFlow.js's
 * plain JavaScript back end, and times them beside WebAssembly.
 */
import * as tf from '@tensorflow/tfjs';
import { Command } from 'commander';
import { saveRecord } from '../../bench/record';
import { median } from '../../bench/table';
import { selectBackend } from '../../src/backends';
import { whole } from '../../src/cli/numbers';
import { jit } from '../../src/xla';
import { type ZooModel, zooModels } from './models';

/** Side of images whose size a model leaves open. */
const OPEN_SIDE = 64;
const WAYS = ['wasm', 'xla', 'xla, jit'] as const;
type Way = (typeof WAYS)[number];

interface Result {
  readonly model: string;
  readonly inputs: readonly number[][];
  /** Largest difference from the `cpu` back end's outputs, as a share of the largest output. */
  readonly difference: number;
  /** Median milliseconds of a run, reading its outputs included. */
  readonly ms: Partial<Record<Way, number>>;
  /** Seconds of the first run, with compilation or what the disk cache spares of it. */
  readonly firstSeconds: Partial<Record<Way, number>>;
}

/** A model on a back end. */
interface Prepared {
  /** Runs it once and reads the outputs. */
  run(): Promise<Float32Array[]>;
  /** The same, compiled whole; not there where data decide what is computed. */
  compiled?(): Promise<Float32Array[]>;
  readonly shapes: number[][];
}

async function numbers(tensors: readonly tf.Tensor[]): Promise<Float32Array[]> {
  const values = await Promise.all(tensors.map(t => t.data()));
  tf.dispose([...tensors]);
  return values.map(v => Float32Array.from(v));
}

function difference(actual: readonly Float32Array[], expected: readonly Float32Array[]): number {
  const shares = expected.map((values, k) => {
    if (actual[k].length !== values.length) return Infinity;
    const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const worst = values.reduce((most, v, i) => Math.max(most, Math.abs(v - actual[k][i])), 0);
    return scale === 0 ? worst : worst / scale;
  });
  return Math.max(...shares);
}

/** Operations of TensorFlow's control flow, which GraphModel runs step by step, reading conditions. */
const DYNAMIC = new Set(['Switch', 'Merge', 'Enter', 'Exit', 'NextIteration', 'LoopCond']);

async function prepare(backend: string, { handler, operations }: ZooModel): Promise<Prepared> {
  await tf.setBackend(backend);
  const model = await tf.loadGraphModel(handler);
  const shapes = model.inputs.map(({ shape }) =>
    (shape ?? []).map((d, i) => (d > 0 ? d : i === 0 ? 1 : OPEN_SIDE)),
  );
  // Drawn on the host, so that every back end gets the same.
  const inputs = shapes.map((shape, i) => {
    const x = tf.randomUniform(shape, 0, 1, 'float32', i + 1);
    return model.inputs[i].dtype === 'int32' ? x.mul(255).toInt() : x;
  });
  const named = (tensors: readonly tf.Tensor[]) =>
    Object.fromEntries(tensors.map((t, i) => [model.inputs[i].name, t]));
  if (operations().some(op => DYNAMIC.has(op)))
    return { run: async () => numbers([await model.executeAsync(named(inputs))].flat()), shapes };
  const execute = (...tensors: tf.Tensor[]): tf.Tensor[] => [model.execute(named(tensors))].flat();
  const whole = jit(execute);
  return {
    run: () => numbers(execute(...inputs)),
    compiled: () => numbers(whole(...inputs)),
    shapes,
  };
}

async function measure(model: ZooModel, runs: number): Promise<Result> {
  const { run: reference, shapes } = await prepare('cpu', model);
  const expected = await reference();
  const ways = new Map<Way, () => Promise<Float32Array[]>>();
  for (const way of WAYS) {
    const backend = way === 'wasm' ? 'wasm' : 'xla';
    const prepared = await prepare(backend, model);
    const run = way === 'xla, jit' ? prepared.compiled : prepared.run;
    if (!run) continue;
    ways.set(way, async () => {
      await tf.setBackend(backend);
      return run();
    });
  }
  const timed = async (f: () => Promise<unknown>): Promise<number> => {
    const start = performance.now();
    await f();
    return performance.now() - start;
  };
  const firstSeconds: Result['firstSeconds'] = {};
  let worst = 0;
  for (const [way, run] of ways) {
    let outputs: Float32Array[] = [];
    firstSeconds[way] = (await timed(async () => (outputs = await run()))) / 1000;
    if (way !== 'wasm') worst = Math.max(worst, difference(outputs, expected));
  }
  const times = new Map([...ways.keys()].map(way => [way, [] as number[]]));
  for (let i = 0; i < runs; i++) for (const [way, run] of ways) times.get(way)!.push(await timed(run));
  const ms = Object.fromEntries([...times].map(([way, list]) => [way, median(list)]));
  return { model: model.name, inputs: shapes, difference: worst, ms, firstSeconds };
}

async function main(options: { only?: string; runs: number; save?: string }): Promise<void> {
  for (const backend of ['cpu', 'wasm', 'xla'] as const) await selectBackend({ prefer: backend });
  const models = zooModels().filter(({ name }) => !options.only || name.includes(options.only));
  const results: Result[] = [];
  const refused: { model: string; error: string }[] = [];
  console.log(
    `${'model'.padEnd(26)}${'difference'.padStart(12)}${WAYS.map(w => `${w} ms`.padStart(14)).join('')}`,
  );
  for (const model of models) {
    try {
      const result = await measure(model, options.runs);
      results.push(result);
      const times = WAYS.map(way => (result.ms[way]?.toFixed(1) ?? '–').padStart(14)).join('');
      console.log(`${model.name.padEnd(26)}${result.difference.toExponential(1).padStart(12)}${times}`);
    } catch (error) {
      refused.push({ model: model.name, error: (error as Error).message });
      console.log(`${model.name.padEnd(26)} FAILED: ${(error as Error).message}`);
      process.exitCode = 1;
    }
    tf.disposeVariables();
  }
  if (options.save) saveRecord(options.save, { runs: options.runs, results, refused });
}

new Command('zoo')
  .description('Runs published models on xla, against cpu and beside wasm.')
  .option('--only <text>', 'only models whose name holds it')
  .option('--runs <number>', 'timed runs each, in turns', whole(1), 10)
  .option('--save <name>', 'also write bench/results/<name>.json')
  .action(main)
  .parseAsync()
  .then(() => process.exit())
  .catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
