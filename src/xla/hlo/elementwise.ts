/** Operations that work element by element. */
import { check } from './attributes';
import { type DType, sameShape, typeText } from './types';
import { Value } from './value';

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
/** The operand itself, where a long program may be cut (cut.ts). */
export const boundary = (x: Value): Value => unary('boundary', x);
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
