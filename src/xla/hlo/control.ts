/** Sorting and loops. */
import { i64, bool, check } from './attributes';
import { several } from './region';
import { sameShape, typeText } from './types';
import { Value } from './value';

/** Sorts several values of one shape together along `axis`, equal ones in their order; `before(a, b)` over scalars of the first. */
export function sort(
  xs: readonly Value[],
  axis: number,
  before: (a: readonly Value[], b: readonly Value[]) => Value,
): Value[] {
  const pairs = xs.map(x => [0, 1].map(() => new Value('region_parameter', [], x.dtype, [])));
  const result = before(
    pairs.map(p => p[0]),
    pairs.map(p => p[1]),
  );
  return several('sort', xs, xs, { dimension: i64(axis), is_stable: bool(true) }, [
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
