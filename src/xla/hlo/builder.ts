/**
 * Typed constructors of StableHLO operations, named as in the specification's chapter "Ops".
 * Shapes are inferred and checked here, so that a wrong program fails at the line that builds it.
 */
import { type DType, type TensorType, isFloat, sameShape, sizeOf, typeText } from './types';
import { Value, type Region } from './value';

const i64s = (xs: readonly number[]): string =>
  xs.length > 0 ? `array<i64: ${xs.join(', ')}>` : 'array<i64>';
const i64 = (x: number): string => `${x} : i64`;
const bool = (x: boolean): string => (x ? 'true' : 'false');

function check(ok: boolean, op: string, why: () => string): asserts ok {
  if (!ok) throw new Error(`stablehlo.${op}: ${why()}`);
}

// ---------------------------------------------------------------- constants

/** Text of one element of a constant. */
function literal(x: number, dtype: DType): string {
  if (dtype === 'pred') return x ? 'true' : 'false';
  if (!isFloat(dtype)) return String(x);
  if (Number.isFinite(x)) {
    if (Number.isInteger(x) && Math.abs(x) < 1e15) return Object.is(x, -0) ? '-0.0' : `${x}.0`;
    const text = x.toExponential();
    return text.includes('.') ? text : text.replace('e', '.0e');
  }
  const bits: Partial<Record<DType, [string, string, string]>> = {
    f32: ['0x7F800000', '0xFF800000', '0x7FC00000'],
    bf16: ['0x7F80', '0xFF80', '0x7FC0'],
    f16: ['0x7C00', '0xFC00', '0x7E00'],
    f64: ['0x7FF0000000000000', '0xFFF0000000000000', '0x7FF8000000000000'],
  };
  return bits[dtype]![Number.isNaN(x) ? 2 : x > 0 ? 0 : 1];
}

/** A constant with all elements equal to `x`. */
export function fill(x: number, type: TensorType): Value {
  if (type.dtype === 'c64')
    return complex(
      fill(x, { dtype: 'f32', shape: type.shape }),
      fill(0, { dtype: 'f32', shape: type.shape }),
    );
  return new Value('constant', [], type.dtype, type.shape, { value: literal(x, type.dtype) });
}

export function scalar(x: number, dtype: DType = 'f32'): Value {
  return fill(x, { dtype, shape: [] });
}

/** A constant from its elements in row-major order. */
export function constant(values: ArrayLike<number>, type: TensorType): Value {
  check(
    values.length === sizeOf(type.shape),
    'constant',
    () => `${values.length} values for ${typeText(type)}`,
  );
  if (values.length === 0 || type.shape.length === 0) {
    return values.length === 0
      ? new Value('constant', [], type.dtype, type.shape, { value: '' })
      : fill(values[0], type);
  }
  const nest = (axis: number, start: number, count: number): string => {
    if (axis === type.shape.length) return literal(values[start], type.dtype);
    const step = count / type.shape[axis];
    const parts: string[] = [];
    for (let i = 0; i < type.shape[axis]; i++) parts.push(nest(axis + 1, start + i * step, step));
    return `[${parts.join(', ')}]`;
  };
  return new Value('constant', [], type.dtype, type.shape, { value: nest(0, 0, values.length) });
}

// ---------------------------------------------------------------- elementwise

function unary(op: string, x: Value): Value {
  return new Value(op, [x], x.dtype, x.shape);
}

function binary(op: string, a: Value, b: Value): Value {
  check(
    a.dtype === b.dtype && sameShape(a.shape, b.shape),
    op,
    () => `${typeText(a)} and ${typeText(b)} differ`,
  );
  return new Value(op, [a, b], a.dtype, a.shape);
}

export const add = (a: Value, b: Value): Value => binary('add', a, b);
export const sub = (a: Value, b: Value): Value => binary('subtract', a, b);
export const mul = (a: Value, b: Value): Value => binary('multiply', a, b);
export const div = (a: Value, b: Value): Value => binary('divide', a, b);
export const max = (a: Value, b: Value): Value => binary('maximum', a, b);
export const min = (a: Value, b: Value): Value => binary('minimum', a, b);
export const pow = (a: Value, b: Value): Value => binary('power', a, b);
export const rem = (a: Value, b: Value): Value => binary('remainder', a, b);
export const atan2 = (a: Value, b: Value): Value => binary('atan2', a, b);
export const and = (a: Value, b: Value): Value => binary('and', a, b);
export const or = (a: Value, b: Value): Value => binary('or', a, b);
export const xor = (a: Value, b: Value): Value => binary('xor', a, b);
export const shiftLeft = (a: Value, b: Value): Value => binary('shift_left', a, b);
export const shiftRightLogical = (a: Value, b: Value): Value => binary('shift_right_logical', a, b);
export const not = (x: Value): Value => unary('not', x);
export const neg = (x: Value): Value => unary('negate', x);
export const abs = (x: Value): Value =>
  x.dtype === 'c64' ? new Value('abs', [x], 'f32', x.shape) : unary('abs', x);
export const exp = (x: Value): Value => unary('exponential', x);
export const expm1 = (x: Value): Value => unary('exponential_minus_one', x);
export const log = (x: Value): Value => unary('log', x);
export const log1p = (x: Value): Value => unary('log_plus_one', x);
export const sqrt = (x: Value): Value => unary('sqrt', x);
export const rsqrt = (x: Value): Value => unary('rsqrt', x);
export const tanh = (x: Value): Value => unary('tanh', x);
export const logistic = (x: Value): Value => unary('logistic', x);
export const sin = (x: Value): Value => unary('sine', x);
export const cos = (x: Value): Value => unary('cosine', x);
export const floor = (x: Value): Value => unary('floor', x);
export const ceil = (x: Value): Value => unary('ceil', x);
export const roundEven = (x: Value): Value => unary('round_nearest_even', x);
export const sign = (x: Value): Value => unary('sign', x);
export const barrier = (x: Value): Value => unary('optimization_barrier', x);
export const isFinite = (x: Value): Value => new Value('is_finite', [x], 'pred', x.shape);

export function convert(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : new Value('convert', [x], dtype, x.shape);
}

export function bitcast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : new Value('bitcast_convert', [x], dtype, x.shape);
}

export type Direction = 'EQ' | 'NE' | 'LT' | 'LE' | 'GT' | 'GE';

export function compare(a: Value, b: Value, direction: Direction): Value {
  check(
    a.dtype === b.dtype && sameShape(a.shape, b.shape),
    'compare',
    () => `${typeText(a)} and ${typeText(b)} differ`,
  );
  return new Value('compare', [a, b], 'pred', a.shape, {
    comparison_direction: `#stablehlo<comparison_direction ${direction}>`,
  });
}

/** `test ? a : b`, elementwise. */
export function select(test: Value, a: Value, b: Value): Value {
  check(
    a.dtype === b.dtype && sameShape(a.shape, b.shape),
    'select',
    () => `${typeText(a)} and ${typeText(b)} differ`,
  );
  return new Value('select', [test, a, b], a.dtype, a.shape);
}

export function clamp(low: Value, x: Value, high: Value): Value {
  return new Value('clamp', [low, x, high], x.dtype, x.shape);
}

export function complex(real: Value, imag: Value): Value {
  return new Value('complex', [real, imag], 'c64', real.shape);
}
export const real = (x: Value): Value => new Value('real', [x], 'f32', x.shape);
export const imag = (x: Value): Value => new Value('imag', [x], 'f32', x.shape);

// ---------------------------------------------------------------- shape

/** `dims[i]` is the result axis of operand axis i. */
export function broadcastInDim(x: Value, shape: readonly number[], dims: readonly number[]): Value {
  check(
    dims.length === x.rank && dims.every((d, i) => x.shape[i] === 1 || x.shape[i] === shape[d]),
    'broadcast_in_dim',
    () => `${typeText(x)} by [${dims}] to [${shape}]`,
  );
  if (x.op === 'constant' && x.rank === 0) return new Value('constant', [], x.dtype, shape, x.attrs);
  return new Value('broadcast_in_dim', [x], x.dtype, shape, { broadcast_dimensions: i64s(dims) });
}

/** NumPy's broadcasting: axes are aligned at the end. */
export function broadcastTo(x: Value, shape: readonly number[]): Value {
  if (sameShape(x.shape, shape)) return x;
  const offset = shape.length - x.rank;
  return broadcastInDim(
    x,
    shape,
    x.shape.map((_, i) => i + offset),
  );
}

export function reshape(x: Value, shape: readonly number[]): Value {
  check(sizeOf(shape) === x.size, 'reshape', () => `${typeText(x)} to [${shape}]`);
  return sameShape(x.shape, shape) ? x : new Value('reshape', [x], x.dtype, shape);
}

export function transpose(x: Value, perm: readonly number[]): Value {
  if (perm.every((p, i) => p === i)) return x;
  return new Value(
    'transpose',
    [x],
    x.dtype,
    perm.map(p => x.shape[p]),
    { permutation: i64s(perm) },
  );
}

export function slice(
  x: Value,
  start: readonly number[],
  limit: readonly number[],
  strides: readonly number[] = start.map(() => 1),
): Value {
  const shape = start.map((s, i) => Math.max(0, Math.ceil((limit[i] - s) / strides[i])));
  check(
    start.length === x.rank && start.every((s, i) => s >= 0 && s <= limit[i] && limit[i] <= x.shape[i]),
    'slice',
    () => `[${start}] to [${limit}] of ${typeText(x)}`,
  );
  if (sameShape(shape, x.shape)) return x;
  return new Value('slice', [x], x.dtype, shape, {
    start_indices: i64s(start),
    limit_indices: i64s(limit),
    strides: i64s(strides),
  });
}

export function dynamicSlice(x: Value, starts: readonly Value[], sizes: readonly number[]): Value {
  return new Value('dynamic_slice', [x, ...starts], x.dtype, sizes, { slice_sizes: i64s(sizes) });
}

export function dynamicUpdateSlice(x: Value, update: Value, starts: readonly Value[]): Value {
  return new Value('dynamic_update_slice', [x, update, ...starts], x.dtype, x.shape);
}

export function concatenate(xs: readonly Value[], axis: number): Value {
  if (xs.length === 1) return xs[0];
  const shape = xs[0].shape.slice();
  shape[axis] = xs.reduce((sum, x) => sum + x.shape[axis], 0);
  return new Value('concatenate', xs, xs[0].dtype, shape, { dimension: i64(axis) });
}

/** Negative padding crops; `interior` puts that many pad values between neighbours. */
export function pad(
  x: Value,
  value: Value,
  low: readonly number[],
  high: readonly number[],
  interior: readonly number[] = low.map(() => 0),
): Value {
  if ([low, high, interior].every(p => p.every(n => n === 0))) return x;
  const shape = x.shape.map((d, i) => d + low[i] + high[i] + Math.max(0, d - 1) * interior[i]);
  return new Value('pad', [x, value], x.dtype, shape, {
    edge_padding_low: i64s(low),
    edge_padding_high: i64s(high),
    interior_padding: i64s(interior),
  });
}

export function reverse(x: Value, axes: readonly number[]): Value {
  return axes.length === 0 ? x : new Value('reverse', [x], x.dtype, x.shape, { dimensions: i64s(axes) });
}

export function iota(type: TensorType, axis: number): Value {
  return new Value('iota', [], type.dtype, type.shape, { iota_dimension: i64(axis) });
}

export interface GatherDims {
  readonly offsetDims: readonly number[];
  readonly collapsedSliceDims: readonly number[];
  readonly startIndexMap: readonly number[];
  readonly indexVectorDim: number;
}

const list = (xs: readonly number[]): string => `[${xs.join(', ')}]`;

/** Gather; out-of-range starts are clamped (StableHLO spec, "gather"). */
export function gather(x: Value, indices: Value, dims: GatherDims, sliceSizes: readonly number[]): Value {
  const batch = indices.shape.filter((_, i) => i !== dims.indexVectorDim);
  const offsets = sliceSizes.filter((_, i) => !dims.collapsedSliceDims.includes(i));
  const shape: number[] = [];
  let b = 0;
  let o = 0;
  for (let i = 0; i < batch.length + offsets.length; i++) {
    shape.push(dims.offsetDims.includes(i) ? offsets[o++] : batch[b++]);
  }
  return new Value('gather', [x, indices], x.dtype, shape, {
    dimension_numbers:
      `#stablehlo.gather<offset_dims = ${list(dims.offsetDims)}, collapsed_slice_dims = ${list(dims.collapsedSliceDims)}, ` +
      `start_index_map = ${list(dims.startIndexMap)}, index_vector_dim = ${dims.indexVectorDim}>`,
    slice_sizes: i64s(sliceSizes),
    indices_are_sorted: 'false',
  });
}

export interface ScatterDims {
  readonly updateWindowDims: readonly number[];
  readonly insertedWindowDims: readonly number[];
  readonly scatterDimsToOperandDims: readonly number[];
  readonly indexVectorDim: number;
}

export type Combine = (a: Value, b: Value) => Value;

/** A region of two scalars. */
function combiner(combine: Combine, dtype: DType): Region {
  const a = new Value('region_parameter', [], dtype, []);
  const b = new Value('region_parameter', [], dtype, []);
  return { parameters: [a, b], results: [combine(a, b)] };
}

/** Scatter; updates out of range are dropped. `combine(old, update)`. */
export function scatter(
  x: Value,
  indices: Value,
  updates: Value,
  dims: ScatterDims,
  combine: Combine,
): Value {
  const attrs = {
    scatter_dimension_numbers:
      `#stablehlo.scatter<update_window_dims = ${list(dims.updateWindowDims)}, ` +
      `inserted_window_dims = ${list(dims.insertedWindowDims)}, ` +
      `scatter_dims_to_operand_dims = ${list(dims.scatterDimsToOperandDims)}, index_vector_dim = ${dims.indexVectorDim}>`,
    indices_are_sorted: 'false',
    unique_indices: 'false',
  };
  return new Value('scatter', [x, indices, updates], x.dtype, x.shape, attrs, [combiner(combine, x.dtype)]);
}

// ---------------------------------------------------------------- reductions

/** Reduces `axes` (removed from the shape) starting at `init`. */
export function reduce(x: Value, init: Value, axes: readonly number[], combine: Combine): Value {
  const shape = x.shape.filter((_, i) => !axes.includes(i));
  if (axes.length === 0) return x;
  return new Value('reduce', [x, init], x.dtype, shape, { dimensions: i64s(axes) }, [
    combiner(combine, x.dtype),
  ]);
}

export const sum = (x: Value, axes: readonly number[]): Value => reduce(x, scalar(0, x.dtype), axes, add);

/** Reduces several values of one shape together; `combine` takes the accumulators, then the elements. */
export function reduceMany(
  xs: readonly Value[],
  inits: readonly Value[],
  axes: readonly number[],
  combine: (accumulators: readonly Value[], elements: readonly Value[]) => readonly Value[],
): Value[] {
  const shape = xs[0].shape.filter((_, i) => !axes.includes(i));
  const accumulators = xs.map(x => new Value('region_parameter', [], x.dtype, []));
  const elements = xs.map(x => new Value('region_parameter', [], x.dtype, []));
  const region = { parameters: [...accumulators, ...elements], results: combine(accumulators, elements) };
  const types = xs.map(x => ({ dtype: x.dtype, shape }));
  return several('reduce', [...xs, ...inits], types, { dimensions: i64s(axes) }, [region]);
}

export interface Window {
  readonly size: readonly number[];
  readonly strides: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly baseDilations?: readonly number[];
  readonly dilations?: readonly number[];
}

const padText = (padding: readonly (readonly [number, number])[]): string =>
  `dense<[${padding.map(([a, b]) => `[${a}, ${b}]`).join(', ')}]> : tensor<${padding.length}x2xi64>`;

function windowed(size: number, i: number, w: Window): number {
  const base = size === 0 ? 0 : (size - 1) * (w.baseDilations?.[i] ?? 1) + 1;
  const padded = base + w.padding[i][0] + w.padding[i][1];
  const span = (w.size[i] - 1) * (w.dilations?.[i] ?? 1) + 1;
  return padded < span ? 0 : Math.floor((padded - span) / w.strides[i]) + 1;
}

export function reduceWindow(x: Value, init: Value, w: Window, combine: Combine): Value {
  const attrs: Record<string, string> = { window_dimensions: i64s(w.size), window_strides: i64s(w.strides) };
  if (w.baseDilations) attrs.base_dilations = i64s(w.baseDilations);
  if (w.dilations) attrs.window_dilations = i64s(w.dilations);
  attrs.padding = padText(w.padding);
  const shape = x.shape.map((d, i) => windowed(d, i, w));
  return new Value('reduce_window', [x, init], x.dtype, shape, attrs, [combiner(combine, x.dtype)]);
}

/** Scatters `source` to the element of each window of `x` that wins `direction` (the first, on ties). */
export function selectAndScatter(
  x: Value,
  source: Value,
  init: Value,
  w: Window,
  direction: Direction,
): Value {
  const attrs = {
    window_dimensions: i64s(w.size),
    window_strides: i64s(w.strides),
    padding: padText(w.padding),
  };
  return new Value('select_and_scatter', [x, source, init], x.dtype, x.shape, attrs, [
    combiner((a, b) => compare(a, b, direction), x.dtype),
    combiner(add, x.dtype),
  ]);
}

// ---------------------------------------------------------------- linear algebra

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
  readonly reversal?: readonly boolean[];
  readonly featureGroups?: number;
  readonly batchGroups?: number;
  readonly precision?: Precision;
  readonly accumulate?: DType;
}

/** Convolution in the general form of the spec ("convolution"). */
export function convolution(lhs: Value, rhs: Value, o: ConvolutionOptions): Value {
  const { layout, strides, padding } = o;
  const spatial = strides.length;
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
  return new Value('convolution', [lhs, rhs], o.accumulate ?? lhs.dtype, shape, {
    window_strides: i64s(strides),
    padding: padText(padding),
    lhs_dilation: i64s(o.lhsDilation ?? ones),
    rhs_dilation: i64s(o.rhsDilation ?? ones),
    window_reversal: `array<i1: ${(o.reversal ?? new Array<boolean>(spatial).fill(false)).map(bool).join(', ')}>`,
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

// ---------------------------------------------------------------- several results, control flow

function several(
  op: string,
  operands: readonly Value[],
  types: readonly TensorType[],
  attrs: Record<string, string> = {},
  regions: readonly Region[] = [],
): Value[] {
  const whole = new Value(op, operands, types[0].dtype, types[0].shape, attrs, regions, types);
  if (types.length === 1) return [whole];
  return types.map((t, i) => new Value('result', [whole], t.dtype, t.shape, { index: String(i) }));
}

/** Sorts several values of one shape together along `axis`; `before(a, b)` over scalars of the first. */
export function sort(
  xs: readonly Value[],
  axis: number,
  before: (a: readonly Value[], b: readonly Value[]) => Value,
  stable = true,
): Value[] {
  const pairs = xs.map(x => [0, 1].map(() => new Value('region_parameter', [], x.dtype, [])));
  const result = before(
    pairs.map(p => p[0]),
    pairs.map(p => p[1]),
  );
  return several('sort', xs, xs, { dimension: i64(axis), is_stable: bool(stable) }, [
    { parameters: pairs.flat(), results: [result] },
  ]);
}

/** `while (condition(state)) state = body(state)`; both may refer to values from outside. */
export function whileLoop(
  init: readonly Value[],
  condition: (state: readonly Value[]) => Value,
  body: (state: readonly Value[]) => readonly Value[],
): Value[] {
  const fresh = (): Value[] => init.map(v => new Value('region_parameter', [], v.dtype, v.shape));
  const tested = fresh();
  const state = fresh();
  const next = body(state);
  check(
    next.length === init.length &&
      next.every((v, i) => v.dtype === init[i].dtype && sameShape(v.shape, init[i].shape)),
    'while',
    () => `the body turns (${init.map(typeText)}) into (${next.map(typeText)})`,
  );
  return several('while', init, init, {}, [
    { parameters: tested, results: [condition(tested)] },
    { parameters: state, results: next },
  ]);
}

/** FFT over the last axis; `FFT` or `IFFT` of c64. */
export function fft(x: Value, kind: 'FFT' | 'IFFT'): Value {
  return new Value('fft', [x], x.dtype, x.shape, {
    fft_type: `#stablehlo<fft_type ${kind}>`,
    fft_length: i64s([x.shape[x.rank - 1]]),
  });
}
