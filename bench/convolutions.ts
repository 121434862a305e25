/**
 * npm run bench:conv: the convolutions of the bench's networks, forward and both gradients, in each of the forms that they are lowered to on a
 * CPU – XLA's own convolution, Winograd's filtering, matrix products, our own kernels' –, in turns. What src/xla/kernels/winograd.ts weighs was
 * read off this.
 */
import * as tf from '@tensorflow/tfjs';
import { Command } from 'commander';
import { saveRecord } from './record';
import { median } from './table';
import { whole } from '../src/cli/numbers';
import { type Jit, jit, useXla } from '../src/xla';
import { type Value, convert } from '../src/xla/hlo';
import {
  type Conv2DAttrs,
  type Convolution,
  convolution2D,
  filterGradient,
  forward,
  inputGradient,
} from '../src/xla/kernels/conv';
import { define } from '../src/xla/kernels/define';
import { type NativeParts } from '../src/xla/kernels/native';
import { underPolicy } from '../src/xla/kernels/precision';

/** Batch, side, channels in and out, stride, kernel's side. */
type Case = readonly [number, number, number, number, number, number];

const CASES: readonly Case[] = [
  [128, 32, 3, 16, 1, 3], // ResNet-20
  [128, 32, 16, 16, 1, 3],
  [128, 32, 16, 32, 2, 3],
  [128, 16, 32, 32, 1, 3],
  [128, 16, 32, 64, 2, 3],
  [128, 8, 64, 64, 1, 3],
  [32, 32, 64, 64, 1, 3], // WRN-16-4, VGG16
  [32, 32, 64, 128, 2, 3],
  [32, 32, 64, 128, 2, 1],
  [32, 16, 128, 128, 1, 3],
  [32, 8, 256, 256, 1, 3],
  [32, 4, 512, 512, 1, 3],
  [32, 2, 512, 512, 1, 3],
];

type Form = 'xla' | 'winograd 2' | 'winograd 4' | 'products' | 'native' | 'native winograd' | 'native bf16';
type Part = 'forward' | 'input gradient' | 'filter gradient';

const NATIVE: NativeParts = { dtype: 'f32', forward: true, input: true, filter: true, winograd: true };
const FORMS: Record<Form, Partial<Convolution>> = {
  xla: {},
  'winograd 2': { winograd: 2, winogradFilter: 2 },
  'winograd 4': { winograd: 4, winogradFilter: 4 },
  products: { products: true },
  native: { native: NATIVE },
  'native winograd': { native: NATIVE, winograd: 4, winogradFilter: 4 },
  'native bf16': { native: { ...NATIVE, dtype: 'bf16' } },
};
const PARTS: Record<Part, (a: Value, b: Value, c: Convolution) => Value> = {
  forward,
  'input gradient': inputGradient,
  'filter gradient': filterGradient,
};
/** Which forms there are of what: Winograd's of 3×3 kernels of stride 1, products of the filter's gradient. */
function applies(form: Form, part: Part, [, , ci, co, stride, kernel]: Case): boolean {
  if (form === 'xla') return true;
  if (form === 'native' || form === 'native bf16') return (part === 'input gradient' ? ci : co) % 16 === 0;
  if (form === 'native winograd' && (ci % 16 !== 0 || co % 16 !== 0)) return false;
  return form === 'products' ? part === 'filter gradient' : stride === 1 && kernel === 3;
}

for (const [form, change] of Object.entries(FORMS))
  for (const [part, product] of Object.entries(PARTS))
    define<Conv2DAttrs & { x: number[]; w: number[] }>(
      `Bench ${part} ${form}`,
      ({ a, b }, attrs, context) => {
        const c = convolution2D(attrs.x, attrs.w, attrs, context);
        const none = { winograd: undefined, winogradFilter: undefined, products: false, native: undefined };
        const policy = form === 'native bf16' ? 'mixed_bfloat16' : 'float32';
        return underPolicy(policy, () => product(a, b, { ...c, ...none, ...change }));
      },
    );

define('Bench narrow', ({ x }) => convert(x, 'bf16'));

interface Measured {
  readonly case: Case;
  readonly part: Part;
  /** Milliseconds: the fastest run, and the median. */
  readonly ms: Partial<Record<Form, { fastest: number; median: number }>>;
}

async function measure(shape: Case, part: Part, runs: number, bfloat16 = false): Promise<Measured> {
  const [n, side, ci, co, stride, kernel] = shape;
  const x = [n, side, side, ci];
  const w = [kernel, kernel, ci, co];
  const y = [n, side / stride, side / stride, co];
  const shapes = { forward: [x, w], 'input gradient': [y, w], 'filter gradient': [x, y] }[part];
  const wide = shapes.map((s, i) => tf.randomUniform(s, -1, 1, 'float32', i + 1));
  const narrow = wide.map(t => jit((): tf.Tensor => tf.engine().runKernel('Bench narrow', { x: t }))());
  const images = shapes.map(s => s !== w);
  const operands = (form: Form) => {
    const [a, b] = wide.map((t, i) => (form === 'native bf16' && images[i] ? narrow[i] : t));
    return { a, b };
  };
  const attrs = { x, w, strides: stride, pad: 'same' };
  const forms = (Object.keys(FORMS) as Form[]).filter(
    form => applies(form, part, shape) && (bfloat16 || form !== 'native bf16'),
  );
  const run = async (f: Jit<[], tf.Tensor>): Promise<number> => {
    const start = performance.now();
    (await f.async()).dispose();
    return performance.now() - start;
  };
  const programs = forms.map(form =>
    jit((): tf.Tensor => tf.engine().runKernel(`Bench ${part} ${form}`, operands(form), attrs), {
      onTrace: () => undefined,
    }),
  );
  for (const f of [...programs, ...programs]) await run(f);
  const times = programs.map(() => [] as number[]);
  for (let i = 0; i < runs; i++) for (const [k, f] of programs.entries()) times[k].push(await run(f));
  tf.dispose([wide, narrow]);
  const summary = times.map(list => ({ fastest: Math.min(...list), median: median(list) }));
  return { case: shape, part, ms: Object.fromEntries(forms.map((form, i) => [form, summary[i]])) };
}

async function main({ runs, save }: { runs: number; save?: string }): Promise<void> {
  const { native } = await useXla({ kind: 'cpu', cache: false });
  const results: Measured[] = [];
  console.log(
    'milliseconds, fastest run'.padEnd(40) +
      Object.keys(FORMS)
        .map(f => f.padStart(16))
        .join(''),
  );
  for (const shape of CASES) {
    const [n, side, ci, co, stride, kernel] = shape;
    for (const part of Object.keys(PARTS) as Part[]) {
      const result = await measure(shape, part, runs, native.bfloat16);
      results.push(result);
      const name = `${n}, ${side}×${side}, ${ci}→${co}${stride > 1 ? ` /${stride}` : ''}, ${kernel}×${kernel}`;
      const cells = (Object.keys(FORMS) as Form[]).map(form => result.ms[form]?.fastest.toFixed(1) ?? '');
      console.log(`${name.padEnd(24)}${part.padEnd(16)}${cells.map(cell => cell.padStart(16)).join('')}`);
    }
  }
  if (save) saveRecord(save, { runs, results });
}

void new Command('bench:conv')
  .option('--runs <n>', 'timed runs each, in turns', whole(1), 15)
  .option('--save <name>', 'also write bench/results/<name>.json')
  .action(main)
  .parseAsync()
  .then(() => process.exit());
