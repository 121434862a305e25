/**
 * Which calls of the kernels can be one: a convolution can give batch norm's sums along with its result, row by row, while that is in the
 * cache. Forward they are those of its output; backward those of its gradient after a relu, and maybe after the addition of another gradient,
 * as residual blocks have it.
 */
import { type Join, type Joined, type Value, dependencies, foreignCallOf, madeBy } from '../hlo';

/** The value itself: a boundary is only a mark. */
function real(v: Value): Value {
  while (v.op === 'boundary') v = v.operands[0];
  return v;
}

const isZero = (v: Value): boolean => v.op === 'constant' && v.attrs.value === '0.0';
const isOne = (v: Value): boolean => v.op === 'constant' && v.attrs.value === '1.0';

const compares = (v: Value, direction: string): boolean =>
  v.op === 'compare' && v.attrs.comparison_direction.includes(` ${direction}>`);

/** The argument of `step` where `v` is one as kernel Step writes it; NaN stays NaN. */
function stepOf(v: Value): Value | undefined {
  if (v.op !== 'select') return undefined;
  const [isNaN, x, step] = v.operands;
  if (!compares(isNaN, 'NE') || isNaN.operands.some(o => o !== x) || step.op !== 'select') return undefined;
  const [positive, one, zero] = step.operands;
  const fits = compares(positive, 'GT') && positive.operands[0] === x && isZero(positive.operands[1]);
  return fits && isOne(one) && isZero(zero) ? x : undefined;
}

/** The call with other operands, whose results are those values. */
const extended = (call: Value, operands: readonly Value[], results: readonly Value[]): Value =>
  foreignCallOf(
    call,
    operands,
    results.map(({ dtype, shape }) => ({ dtype, shape })),
  );

export const joinCalls: Join = (values, wanted) => {
  const joined: Joined[] = [];
  const sums = values.filter(v => madeBy(v, 'channel_sums'));
  if (sums.length === 0) return joined;
  const place = new Map(values.map((v, i) => [v, i]));
  const users = new Map<Value, Value[]>();
  for (const v of values.filter(({ op }) => op !== 'boundary'))
    for (const o of dependencies(v).map(real)) users.set(o, [...(users.get(o) ?? []), v]);
  const results = new Set(wanted.map(real));
  const onlyFor = (v: Value, user: Value): boolean =>
    users.get(v)?.length === 1 && users.get(v)![0] === user && !results.has(v);
  const taken = new Set<Value>();

  /** Those of relu'(y)·(dx [+ other]) and x, where dx is made by a convolution for them alone. */
  const backward = (side: Value): Joined | undefined => {
    const [gradient, x] = side.operands.map(real);
    if (gradient.op !== 'multiply' || !place.has(gradient)) return undefined;
    const stepped = gradient.operands.findIndex(o => stepOf(o));
    if (stepped < 0) return undefined;
    const y = real(stepOf(gradient.operands[stepped])!);
    const total = real(gradient.operands[1 - stepped]);
    const isGradient = (v: Value) =>
      (madeBy(v, 'convolution_input_gradient') || madeBy(v, 'winograd')) && place.has(v) && !taken.has(v);
    const terms = total.op === 'add' ? total.operands.map(real) : [total];
    const dx = terms.find(term => isGradient(term) && onlyFor(term, total === term ? gradient : total));
    if (!dx || (total !== dx && !onlyFor(total, gradient))) return undefined;
    // Step of the relu's result is the same, and that is in memory.
    const relu = users.get(y)?.find(v => v.op === 'maximum' && v.operands.some(isZero));
    const operands = [relu, x, ...terms.filter(term => term !== dx)];
    const before = (v: Value | undefined): v is Value =>
      v !== undefined && (!place.has(v) || place.get(v)! < place.get(gradient)!);
    if (!operands.every(before)) return undefined;
    taken.add(dx);
    const gives = [gradient, side];
    return { call: extended(dx, [...dx.operands, ...operands], gives), gives };
  };

  const forward = (side: Value): Joined | undefined => {
    const [a, b] = side.operands.map(real);
    const made = madeBy(a, 'convolution_forward') || madeBy(a, 'winograd');
    if (a !== b || !made || !place.has(a) || taken.has(a)) return undefined;
    taken.add(a);
    return { call: extended(a, a.operands, [a, side]), gives: [a, side] };
  };

  for (const side of sums) {
    const found = forward(side) ?? backward(side);
    if (found) joined.push(found);
  }
  return joined;
};
