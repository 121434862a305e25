/**
 * Which calls of the kernels can be one: a convolution can give batch norm's sums along with its result, row by row, while that is in the
 * cache. Forward they are those of its output; backward those of its gradient after a relu, and maybe after the addition of another gradient,
 * as residual blocks have it. And batch norm's own pass can add the shortcut and apply the relu.
 */
import { type Join, type Joined, type Value, dependencies, foreignCall, foreignCallOf, madeBy } from '../hlo';

const AFFINE = 'channel_affine';

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
  if (!values.some(v => v.op === 'custom_call')) return joined;
  const place = new Map(values.map((v, i) => [v, i]));
  /** The value itself: a boundary is only a mark, but where another program hands it on. */
  const real = (v: Value): Value => (v.op === 'boundary' && place.has(v) ? real(v.operands[0]) : v);
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
      (madeBy(v, 'convolution_input_gradient') || madeBy(v, 'winograd')) &&
      v.operands.length === 2 &&
      place.has(v) &&
      !taken.has(v);
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

  /** A batch norm's result that only `user` takes; what relu's gradient compares may be computed anew. */
  const isScaled = (v: Value, user: Value): boolean =>
    madeBy(v, AFFINE) && place.has(v) && !taken.has(v) && onlyIn(v, user);
  const onlyIn = (v: Value, user: Value): boolean =>
    !results.has(v) && users.get(v)!.every(u => u === user || u.op === 'compare' || u.op === 'select');

  /** Batch norm, or its gradient, and what is added; [relu of] the sum. */
  const shortened = (v: Value): Joined | undefined => {
    const zero = v.op === 'maximum' ? v.operands.findIndex(isZero) : -1;
    if (v.op !== 'add' && zero < 0) return undefined;
    const total = zero < 0 ? v : real(v.operands[1 - zero]);
    if (taken.has(total) || (total !== v && !onlyIn(total, v))) return undefined;
    const terms = total.op === 'add' ? total.operands.map(real) : [total];
    const first = terms.findIndex(term => isScaled(term, term === total ? v : total));
    if (first < 0) return undefined;
    const [scaled, others] = [terms[first], terms.filter((_, i) => i !== first)];
    taken.add(total).add(scaled);
    const how = { target: AFFINE, integers: { relu: [zero < 0 ? 0 : 1] } };
    return { call: foreignCall(how, [...scaled.operands, ...others], [v]), gives: [v] };
  };

  for (const side of values.filter(v => madeBy(v, 'channel_sums'))) {
    const found = forward(side) ?? backward(side);
    if (found) joined.push(found);
  }
  // Sums after the relus that take them along.
  for (const op of ['maximum', 'add'])
    for (const v of values.filter(value => value.op === op)) {
      const found = shortened(v);
      if (found) joined.push(found);
    }
  return joined;
};
