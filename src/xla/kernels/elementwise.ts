/** Elementwise kernels. Semantics, NaN included, are those of tfjs's `cpu` back end. */
import { type DataType } from '@tensorflow/tfjs-core';
import { STORAGE } from '../backend';
import { XlaError } from '../errors';
import * as hlo from '../hlo';
import { type Direction, type Value } from '../hlo';
import { alike, broadcast, like, orNaN, toFloat } from './broadcast';
import { define, listOf } from './define';
import { addend } from './precision';

const isNaN = (x: Value): Value => hlo.compare(x, x, 'NE');
const notZero = (x: Value): Value => hlo.compare(x, like(x, 0), 'NE');
const positive = (x: Value): Value => hlo.compare(x, like(x, 0), 'GT');
const nonNegative = (x: Value): Value => hlo.compare(x, like(x, 0), 'GE');

// ---------------------------------------------------------------- one operand

type Unary = (x: Value) => Value;

/** Kernels of one input `x`; integer inputs of float functions are converted. */
const FLOAT: Record<string, Unary> = {
  Acos: x => hlo.atan2(hlo.sqrt(hlo.sub(like(x, 1), hlo.mul(x, x))), x),
  // The form 2·log(…) keeps precision near 1 where x² − 1 cancels.
  Acosh: x =>
    hlo.log(hlo.add(x, hlo.mul(hlo.sqrt(hlo.add(x, like(x, 1))), hlo.sqrt(hlo.sub(x, like(x, 1)))))),
  Asin: x => hlo.atan2(x, hlo.sqrt(hlo.sub(like(x, 1), hlo.mul(x, x)))),
  Asinh: x => {
    const a = hlo.abs(x);
    const root = hlo.sqrt(hlo.add(hlo.mul(a, a), like(a, 1)));
    const small = hlo.log1p(hlo.add(a, hlo.div(hlo.mul(a, a), hlo.add(like(a, 1), root))));
    const large = hlo.add(hlo.log(a), like(a, Math.LN2)); // a² may be too large
    return hlo.mul(hlo.sign(x), hlo.select(hlo.compare(a, like(a, 1e9), 'GT'), large, small));
  },
  Atan: x => hlo.atan2(x, like(x, 1)),
  Atanh: x => hlo.mul(like(x, 0.5), hlo.sub(hlo.log1p(x), hlo.log1p(hlo.neg(x)))),
  Cos: hlo.cos,
  Cosh: x => hlo.mul(like(x, 0.5), hlo.add(hlo.exp(x), hlo.exp(hlo.neg(x)))),
  Elu: x => hlo.select(nonNegative(x), x, hlo.expm1(x)),
  Erf: erf,
  Exp: hlo.exp,
  Expm1: hlo.expm1,
  Log: hlo.log,
  Log1p: hlo.log1p,
  Reciprocal: x => hlo.div(like(x, 1), x),
  Rsqrt: hlo.rsqrt,
  Selu: x => {
    const scale = 1.0507009873554805;
    const scaleAlpha = 1.7580993408473768;
    return hlo.select(nonNegative(x), hlo.mul(like(x, scale), x), hlo.mul(like(x, scaleAlpha), hlo.expm1(x)));
  },
  Sigmoid: hlo.logistic,
  Sin: hlo.sin,
  Sinh: x => hlo.mul(like(x, 0.5), hlo.sub(hlo.exp(x), hlo.exp(hlo.neg(x)))),
  Softplus: x => hlo.add(hlo.max(x, like(x, 0)), hlo.log1p(hlo.exp(hlo.neg(hlo.abs(x))))),
  Sqrt: hlo.sqrt,
  Tan: x => hlo.div(hlo.sin(x), hlo.cos(x)),
  Tanh: hlo.tanh,
};

const ANY: Record<string, Unary> = {
  Abs: hlo.abs,
  Neg: hlo.neg,
  Relu: x => hlo.max(x, like(x, 0)),
  Relu6: x => hlo.min(hlo.max(x, like(x, 0)), like(x, 6)),
  Sign: x => (hlo.isFloat(x.dtype) ? hlo.select(isNaN(x), like(x, 0), hlo.sign(x)) : hlo.sign(x)),
  Square: x => hlo.mul(x, x),
  OnesLike: x => like(x, 1),
  ZerosLike: x => like(x, 0),
  ...{ Ceil: rounding(hlo.ceil), Floor: rounding(hlo.floor), Round: rounding(hlo.roundEven) },
};

function rounding(f: Unary): Unary {
  return x => (hlo.isFloat(x.dtype) ? f(x) : x);
}

/** Abramowitz & Stegun 7.1.26, the approximation that tfjs's cpu back end uses; |error| ≤ 1.5e-7. */
function erf(x: Value): Value {
  const a = hlo.abs(x);
  const t = hlo.div(like(x, 1), hlo.add(like(x, 1), hlo.mul(like(x, 0.3275911), a)));
  const polynomial = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592].reduce<Value>(
    (sum, c) => hlo.mul(hlo.add(sum, like(x, c)), t),
    like(x, 0),
  );
  return hlo.mul(hlo.sign(x), hlo.sub(like(x, 1), hlo.mul(polynomial, hlo.exp(hlo.neg(hlo.mul(a, a))))));
}

/** Arithmetic on booleans counts them as 0 and 1. */
const toNumber = (x: Value): Value => (x.dtype === 'pred' ? hlo.convert(x, 's32') : x);

for (const [name, f] of Object.entries(FLOAT)) define(name, ({ x }) => f(toFloat(x)));
for (const [name, f] of Object.entries(ANY)) {
  const keepsBool = name === 'OnesLike' || name === 'ZerosLike';
  define(name, ({ x }) => f(keepsBool ? x : toNumber(x)));
}

define('IsNan', ({ x }) =>
  hlo.isFloat(x.dtype) ? isNaN(x) : hlo.fill(0, { dtype: 'pred', shape: x.shape }),
);
define('IsFinite', ({ x }) =>
  hlo.isFloat(x.dtype) ? hlo.isFinite(x) : hlo.fill(1, { dtype: 'pred', shape: x.shape }),
);
define('IsInf', ({ x }) =>
  hlo.isFloat(x.dtype)
    ? hlo.compare(hlo.abs(x), like(x, Infinity), 'EQ')
    : hlo.fill(0, { dtype: 'pred', shape: x.shape }),
);
define('LogicalNot', ({ x }) => hlo.not(x));
define<{ alpha: number }>('Step', ({ x }, { alpha }) => {
  const y = hlo.select(positive(x), like(x, 1), like(x, alpha));
  return hlo.isFloat(x.dtype) ? hlo.select(isNaN(x), x, y) : y;
});
define<{ clipValueMin: number; clipValueMax: number }>(
  'ClipByValue',
  ({ x }, { clipValueMin, clipValueMax }) =>
    hlo.min(hlo.max(x, like(x, clipValueMin)), like(x, clipValueMax)),
);
define<{ alpha: number }>('LeakyRelu', ({ x }, { alpha }) => leakyRelu(toFloat(x), alpha));
define('EluGrad', inputs => {
  const [dy, y] = broadcast(inputs.dy, inputs.y);
  return hlo.select(nonNegative(y), dy, hlo.mul(dy, hlo.add(y, like(y, 1))));
});

function leakyRelu(x: Value, alpha: number): Value {
  return hlo.select(hlo.compare(x, like(x, 0), 'LT'), hlo.mul(x, like(x, alpha)), x);
}

// ---------------------------------------------------------------- two operands

type Binary = (a: Value, b: Value) => Value;

const BINARY: Record<string, Binary> = {
  Add: (a, b) => (a.dtype === 'pred' ? hlo.or(a, b) : hlo.add(a, b)),
  Atan2: (a, b) => hlo.convert(hlo.atan2(toFloat(a), toFloat(b)), a.dtype),
  FloorDiv: floorDiv,
  Maximum: orNaN(hlo.max),
  Minimum: orNaN(hlo.min),
  Mod: mod,
  Multiply: (a, b) => (a.dtype === 'pred' ? hlo.and(a, b) : hlo.mul(a, b)),
  Pow: hlo.pow,
  RealDiv: hlo.div,
  SquaredDifference: (a, b) => hlo.mul(hlo.sub(a, b), hlo.sub(a, b)),
  Sub: hlo.sub,
  BitwiseAnd: hlo.and,
  LogicalAnd: hlo.and,
  LogicalOr: hlo.or,
  LogicalXor: hlo.xor,
};

/** Rounds towards −∞; integer division by zero gives 0, as a JavaScript number stored as int32 does. */
function floorDiv(a: Value, b: Value): Value {
  if (hlo.isFloat(a.dtype)) return hlo.floor(hlo.div(a, b));
  const zero = hlo.compare(b, like(b, 0), 'EQ');
  const safe = hlo.select(zero, like(b, 1), b);
  const quotient = hlo.div(a, safe);
  const inexact = hlo.compare(hlo.mul(quotient, safe), a, 'NE');
  const opposite = hlo.compare(hlo.compare(a, like(a, 0), 'LT'), hlo.compare(safe, like(b, 0), 'LT'), 'NE');
  const rounded = hlo.select(hlo.and(inexact, opposite), hlo.sub(quotient, like(a, 1)), quotient);
  return hlo.select(zero, like(a, 0), rounded);
}

/** The remainder with the sign of the divisor; of an integer by zero 0, as in `floorDiv`. */
function mod(a: Value, b: Value): Value {
  const r = hlo.rem(a, b);
  const opposite = hlo.compare(hlo.compare(a, like(a, 0), 'LT'), hlo.compare(b, like(b, 0), 'LT'), 'NE');
  const rest = hlo.select(opposite, hlo.rem(hlo.add(r, b), b), r);
  return hlo.isFloat(a.dtype) ? rest : hlo.select(hlo.compare(b, like(b, 0), 'EQ'), like(a, 0), rest);
}

for (const [name, f] of Object.entries(BINARY)) {
  define(name, inputs => {
    const [a, b] = broadcast(inputs.a, inputs.b);
    const arithmetic =
      a.dtype === 'pred' && !name.startsWith('Logical') && name !== 'Add' && name !== 'Multiply';
    return arithmetic ? f(toNumber(a), toNumber(b)) : f(a, b);
  });
}

const COMPARISONS: Record<string, Direction> = {
  Equal: 'EQ',
  NotEqual: 'NE',
  Greater: 'GT',
  GreaterEqual: 'GE',
  Less: 'LT',
  LessEqual: 'LE',
};
for (const [name, direction] of Object.entries(COMPARISONS)) {
  define(name, inputs => {
    const [a, b] = broadcast(inputs.a, inputs.b);
    return hlo.compare(a, b, direction);
  });
}

define('Prelu', inputs => {
  const [x, alpha] = broadcast(toFloat(inputs.x), inputs.alpha);
  return hlo.select(hlo.compare(x, like(x, 0), 'LT'), hlo.mul(x, alpha), x);
});
define('AddN', inputs => listOf(inputs).map(addend).reduce((a, b) => hlo.add(...broadcast(a, b)))); // prettier-ignore

/** The branches in their common shape: tfjs leaves a 1 where the condition and the other branch have none at all. */
function toOneShape(branches: readonly [Value, Value], { shape, rank }: Value): Value[] {
  const all = [...branches.map(x => x.shape), ...(rank === branches[0].rank ? [shape] : [])];
  const common = branches[0].shape.map((_, i) => {
    const sizes = all.map(each => each[i]);
    return sizes.includes(0) ? 0 : Math.max(...sizes);
  });
  return branches.map(x => hlo.broadcastTo(x, common));
}

define('Select', ({ condition, ...values }) => {
  const [t, e] = toOneShape(alike([values.t, values.e] as const), condition);
  const test =
    condition.rank === t.rank || condition.rank === 0
      ? hlo.broadcastTo(condition, t.shape)
      : hlo.broadcastInDim(
          condition,
          t.shape,
          condition.shape.map((_, i) => i),
        );
  return hlo.select(test, t, e);
});

// ---------------------------------------------------------------- types

define<{ dtype: DataType }>('Cast', ({ x }, { dtype }, { dtypes }) => {
  if (dtypes.x === dtype) return x;
  if (dtype === 'bool') return notZero(x.dtype === 'c64' ? hlo.real(x) : x);
  if (dtype === 'complex64') return hlo.complex(toFloat(x), hlo.fill(0, { dtype: 'f32', shape: x.shape }));
  const target = STORAGE[dtype];
  if (!target) throw new XlaError(`Cannot cast ${dtypes.x} to ${dtype}.`);
  return hlo.convert(x.dtype === 'c64' ? hlo.real(x) : x, target);
});

define('Complex', ({ real, imag }) => hlo.complex(hlo.convert(real, 'f32'), hlo.convert(imag, 'f32')));
define('Real', ({ input }) => (input.dtype === 'c64' ? hlo.real(input) : input));
define('Imag', ({ input }) => (input.dtype === 'c64' ? hlo.imag(input) : like(input, 0)));
define('ComplexAbs', ({ x }) => hlo.abs(x));
