/**
 * A training step is the same step however it is written: random small networks, in the forms that programs take. A failure prints its seed;
 * STEP_FORMS_SEED and STEP_FORMS_COUNT look further.
 */
import * as tf from '@tensorflow/tfjs';
import { sfc32 } from '../../src/models/random';
import { resnet, resnext, vgg, wideResnet } from '../../src/models';
import { Ema } from '../../src/train/average';
import { fillOptions } from '../../src/train/options';
import { Sgd } from '../../src/train/sgd';
import { Feed, makeStep, variableOf } from '../../src/train/step';
import { modelWeights } from '../../src/weights';
import { type JitOptions, jit, scan, setPrecisionPolicy, useXla } from '../../src/xla';
import { type XlaBackend } from '../../src/xla/backend';
import { madeUpSplit } from './killable';

const first = Number(process.env.STEP_FORMS_SEED ?? 1);
const count = Number(process.env.STEP_FORMS_COUNT ?? 2);
const STEPS = 2;

/** What is the same for all forms. */
interface Subject {
  readonly title: string;
  readonly build: () => tf.LayersModel;
  readonly batch: number;
  readonly augment: boolean;
  readonly ema: boolean;
  readonly cutSize: number;
}

function subject(seed: number): Subject {
  const next = sfc32(seed, 2, 3, 4);
  for (let i = 0; i < 20; i++) next();
  const pick = <T>(from: readonly T[]): T => from[next() % from.length];
  const shortcut = pick(['A', 'B'] as const);
  const models: Record<string, () => tf.LayersModel> = {
    'ResNet-8 v1': () => resnet({ depth: 8, shortcut, seed }),
    'ResNet-14 v1, B_original': () => resnet({ depth: 14, shortcut: 'B_original', seed }),
    'ResNet-14 v2': () => resnet({ depth: 14, blockType: 'preactivated', shortcut, seed }),
    'ResNet-11, bottlenecks': () => resnet({ depth: 11, blockType: 'bottleneck', shortcut, seed }),
    'ResNet-20, bottlenecks': () => resnet({ depth: 20, blockType: 'bottleneck', seed }),
    'WRN-10-2 with dropout': () => wideResnet({ depth: 10, width: 2, dropout: 0.3, seed }),
    'WRN-10-1': () => wideResnet({ depth: 10, width: 1, preactivateShortcuts: false, seed }),
    'VGG, narrow': () => vgg({ depth: 11, stages: [[16], [32], [32, 48], [64], [64]], seed }),
    'ResNeXt-11': () => resnext({ depth: 11, cardinality: 2, groupWidth: 8, seed }),
  };
  const title = pick(Object.keys(models));
  const [batch, augment, ema, cutSize] = [
    pick([4, 6, 16]),
    pick([true, false]),
    pick([true, false]),
    pick([1, 100, 400]),
  ];
  return { title, build: models[title], batch, augment, ema, cutSize };
}

type Form =
  'plain' | 'cut' | 'scan' | 'without our kernels' | 'as for CUDA' | 'as for CUDA, cut' | 'on two devices';
const FORMS: readonly Form[] = [
  'cut',
  'scan',
  'without our kernels',
  'as for CUDA',
  'as for CUDA, cut',
  'on two devices',
];

/** Reports and weights after the steps. */
async function outcome(form: Form, s: Subject): Promise<Map<string, Float32Array>> {
  const { runtime } = tf.backend() as unknown as XlaBackend;
  const before = [runtime.platform, runtime.native] as const;
  if (form.startsWith('as for CUDA')) runtime.platform = 'cuda';
  if (form !== 'plain' && form !== 'cut' && form !== 'scan') runtime.native = [];
  const model = s.build();
  const options = fillOptions({ batchSize: s.batch, augment: s.augment, nesterov: true });
  const all = modelWeights(model);
  const weights = all.filter(weight => weight.trainable);
  const sgd = new Sgd(weights, options);
  const ema = s.ema ? new Ema(all, 0.9) : undefined;
  const step = makeStep(model, weights, sgd, ema, options);
  const feed = new Feed(madeUpSplit(32, 'forms'));
  const jitOptions: JitOptions = {
    onTrace: () => undefined,
    ...(form.endsWith('cut') ? { cut: { above: 0, size: s.cutSize } } : {}),
    ...(form === 'on two devices' ? { sharding: { devices: 2, split: { 1: 0, 2: 0 } } } : {}),
  };
  const rows = Array.from({ length: STEPS }, (_, i) =>
    Array.from({ length: s.batch }, (_row, j) => (7 * i + 3 * j) % 32),
  );
  const labels = rows.map(row => row.map(r => r % 10));
  const seeds = rows.map((_, i) => [1, i]);
  const result = new Map<string, Float32Array>();
  try {
    const reports: number[] = [];
    if (form === 'scan') {
      const images = feed.resident!;
      const one = (r: tf.Tensor1D, l: tf.Tensor1D, d: tf.Tensor1D, rate: tf.Scalar) =>
        step(images, r, l, d, rate);
      const several = scan(one, { onTrace: () => undefined });
      const inputs = [
        ...[rows, labels, seeds].map(each => tf.tensor2d(each, undefined, 'int32')),
        tf.fill([STEPS], 0.02),
      ];
      reports.push(...(await (await several.async(...(inputs as unknown as Parameters<typeof one>))).data()));
    } else {
      const compiled = jit(step, jitOptions);
      for (let i = 0; i < STEPS; i++) {
        const [r, l, d] = [rows[i], labels[i], seeds[i]].map(each => tf.tensor1d(each, 'int32'));
        reports.push(...(await (await compiled.async(feed.resident!, r, l, d, tf.scalar(0.02))).data()));
      }
    }
    result.set('reports', Float32Array.from(reports));
    for (const weight of all) result.set(weight.name, (await variableOf(weight).data<'float32'>()).slice());
    for (const [i, average] of (ema?.averages ?? []).entries())
      result.set(`average ${i}`, (await average.data<'float32'>()).slice());
    return result;
  } finally {
    [runtime.platform, runtime.native] = before;
    sgd.dispose();
    ema?.dispose();
    feed.dispose();
    model.dispose();
  }
}

beforeAll(async () => void (await useXla({ kind: 'cpu', cpuDevices: 2, cache: false })));
afterEach(() => setPrecisionPolicy('float32'));

/** The largest difference of two arrays, as a share of the largest value. */
function difference(values: Float32Array, expected: Float32Array): number {
  const largest = (of: (v: number, i: number) => number) =>
    values.reduce((top, v, i) => Math.max(top, of(v, i)), 0);
  return (
    largest((v, i) => Math.abs(v - expected[i])) /
    Math.max(
      1e-2,
      largest((_, i) => Math.abs(expected[i])),
    )
  );
}

const cases = Array.from({ length: count }, (_, i) => {
  const seed = first + i;
  return { seed, precision: seed % 2 === 0 ? ('mixed_bfloat16' as const) : ('float32' as const) };
});
// Batch norm's shifts begin at zero: after two steps they are nothing but updates, in which bf16 shows.
const LIMIT = { float32: 5e-3, mixed_bfloat16: 0.2 };

test.each(cases)(
  'seed $seed, $precision',
  async ({ seed, precision }) => {
    const s = subject(seed);
    setPrecisionPolicy(precision);
    const expected = await outcome('plain', s);
    for (const form of FORMS) {
      const actual = await outcome(form, s);
      expect([...actual.keys()]).toEqual([...expected.keys()]);
      const worst = [...expected].map(([name, values]) => ({
        name,
        by: difference(actual.get(name)!, values),
      }));
      const wrong = worst.filter(({ by }) => !(by < LIMIT[precision]));
      expect({ ...s, form, wrong }).toEqual({ ...s, form, wrong: [] });
    }
  },
  600_000,
);
