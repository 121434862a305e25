/** Linear algebra: convolution, products, FFT. */
import { i64s, i64, bool, check, list } from './attributes';
import { type DType, typeText } from './types';
import { Value } from './value';
import { type Window, padText, windowed } from './window';

/** Precision of f32 products: HIGHEST keeps f32, DEFAULT lets an accelerator use TF32 or bf16 passes. */
export type Precision = 'DEFAULT' | 'HIGHEST';

const precisionText = (p: Precision): string => `[#stablehlo<precision ${p}>, #stablehlo<precision ${p}>]`;

export interface ConvolutionOptions {
  /** Axis letters of operand, kernel and result: b batch, f feature, i input feature, o output feature, 0.. spatial. */
  readonly layout: { readonly lhs: string; readonly rhs: string; readonly out: string };
  readonly strides: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly lhsDilation?: readonly number[];
  readonly rhsDilation?: readonly number[];
  readonly featureGroups?: number;
  readonly batchGroups?: number;
  readonly precision?: Precision;
}

/** Convolution in the general form of the spec ("convolution"). */
export function convolution(lhs: Value, rhs: Value, o: ConvolutionOptions): Value {
  const { layout, strides, padding } = o;
  const ones = strides.map(() => 1);
  const window: Window = {
    size: strides.map((_, i) => rhs.shape[layout.rhs.indexOf(String(i))]),
    strides,
    padding,
    baseDilations: o.lhsDilation ?? ones,
    dilations: o.rhsDilation ?? ones,
  };
  const featureGroups = o.featureGroups ?? 1;
  const batchGroups = o.batchGroups ?? 1;
  const features = lhs.shape[layout.lhs.indexOf('f')];
  const kernelFeatures = rhs.shape[layout.rhs.indexOf('i')];
  check(
    features === kernelFeatures * featureGroups,
    'convolution',
    () => `${typeText(lhs)} by ${typeText(rhs)}`,
  );
  const shape = [...layout.out].map(letter => {
    if (letter === 'b') return lhs.shape[layout.lhs.indexOf('b')] / batchGroups;
    if (letter === 'f') return rhs.shape[layout.rhs.indexOf('o')];
    return windowed(lhs.shape[layout.lhs.indexOf(letter)], Number(letter), window);
  });
  const text = (letters: string): string => `[${[...letters].join(', ')}]`;
  return new Value('convolution', [lhs, rhs], lhs.dtype, shape, {
    window_strides: i64s(strides),
    padding: padText(padding),
    lhs_dilation: i64s(o.lhsDilation ?? ones),
    rhs_dilation: i64s(o.rhsDilation ?? ones),
    window_reversal: `array<i1: ${ones.map(() => bool(false)).join(', ')}>`,
    dimension_numbers: `#stablehlo.conv<${text(layout.lhs)}x${text(layout.rhs)}->${text(layout.out)}>`,
    feature_group_count: i64(featureGroups),
    batch_group_count: i64(batchGroups),
    precision_config: precisionText(o.precision ?? 'HIGHEST'),
  });
}

export interface DotDims {
  readonly lhsBatch?: readonly number[];
  readonly rhsBatch?: readonly number[];
  readonly lhsContract: readonly number[];
  readonly rhsContract: readonly number[];
  readonly precision?: Precision;
  readonly accumulate?: DType;
}

/** Batched, contracted product: result axes are batch, then the free axes of lhs, then those of rhs. */
export function dotGeneral(lhs: Value, rhs: Value, d: DotDims): Value {
  const lhsBatch = d.lhsBatch ?? [];
  const rhsBatch = d.rhsBatch ?? [];
  const free = (v: Value, batch: readonly number[], contract: readonly number[]): number[] =>
    v.shape.filter((_, i) => !batch.includes(i) && !contract.includes(i));
  check(
    d.lhsContract.every((a, i) => lhs.shape[a] === rhs.shape[d.rhsContract[i]]),
    'dot_general',
    () => `${typeText(lhs)} by ${typeText(rhs)}`,
  );
  const shape = [
    ...lhsBatch.map(i => lhs.shape[i]),
    ...free(lhs, lhsBatch, d.lhsContract),
    ...free(rhs, rhsBatch, d.rhsContract),
  ];
  return new Value('dot_general', [lhs, rhs], d.accumulate ?? lhs.dtype, shape, {
    dot_dimension_numbers:
      `#stablehlo.dot<lhs_batching_dimensions = ${list(lhsBatch)}, rhs_batching_dimensions = ${list(rhsBatch)}, ` +
      `lhs_contracting_dimensions = ${list(d.lhsContract)}, rhs_contracting_dimensions = ${list(d.rhsContract)}>`,
    precision_config: precisionText(d.precision ?? 'HIGHEST'),
  });
}

/** FFT over the last axis; `FFT` or `IFFT` of c64. */
export function fft(x: Value, kind: 'FFT' | 'IFFT'): Value {
  return new Value('fft', [x], x.dtype, x.shape, {
    fft_type: `#stablehlo<fft_type ${kind}>`,
    fft_length: i64s([x.shape[x.rank - 1]]),
  });
}
