/** scan: several steps of a function in one program, as a loop on the device (StableHLO's `while`). */
import {
  type DataType,
  type Tensor,
  type Variable,
  engine,
  stack,
  tidy,
  unstack,
} from '@tensorflow/tfjs-core';
import { XlaBackend } from './backend';
import { XlaError } from './errors';
import * as hlo from './hlo';
import { type Value } from './hlo';
import { type Jit, type JitOptions, jit } from './jit';
import { flatten, unflatten } from './structure';
import { assign, assignedOf, restore, retained, variables } from './trace';

/**
 * K calls of `fn` as one call, like JAX's `lax.scan` with the variables as carry: every tensor among the arguments has
 * a leading axis of K, call i sees its element i, and the results come stacked along a leading axis of K. Variables
 * that `fn` assigns go from call to call. `fn` is traced twice, however large K is.
 *
 * @throws XlaError when no argument is a tensor, or their leading axes differ
 */
export function scan<A extends unknown[], R>(fn: (...args: A) => R, options: JitOptions = {}): Jit<A, R> {
  const name = options.name ?? (fn.name || 'scan');
  const loop = (...args: A): R => {
    const { tensors } = flatten(args);
    const counts = new Set(tensors.map(t => t.shape[0]));
    const [count] = counts;
    if (counts.size !== 1 || !count) {
      const shapes = tensors.map(t => `[${t.shape}]`).join(', ') || 'no tensor';
      throw new XlaError(
        `scan(${name}): the arguments need one leading axis, the number of steps, at least one; got ${shapes}.`,
      );
    }
    const backend = engine().backend;
    return backend instanceof XlaBackend && backend.tracing
      ? onDevice(backend, fn, args, count)
      : oneByOne(fn, args, count);
  };
  return jit(loop, { ...options, name });
}

/** On other back ends: a plain loop. */
function oneByOne<A extends unknown[], R>(fn: (...args: A) => R, args: A, count: number): R {
  const { tensors, structure } = flatten(args);
  const steps = tensors.map(t => unstack(t));
  const results = Array.from({ length: count }, (_, i) =>
    flatten(
      fn(
        ...(unflatten(
          structure,
          steps.map(s => s[i]),
        ) as A),
      ),
    ),
  );
  const stacked = results[0].tensors.map((_, j) => stack(results.map(r => r.tensors[j])));
  return unflatten(results[0].structure, stacked) as R;
}

/** Element i of the leading axis. */
function element(x: Value, i: Value): Value {
  const rest = x.shape.slice(1);
  const starts = [i, ...rest.map(() => hlo.scalar(0, 's32'))];
  return hlo.reshape(hlo.dynamicSlice(x, starts, [1, ...rest]), rest);
}

/** `stack` with its element i replaced. */
function withElement(all: Value, i: Value, x: Value): Value {
  const starts = [i, ...x.shape.map(() => hlo.scalar(0, 's32'))];
  return hlo.dynamicUpdateSlice(all, hlo.reshape(x, [1, ...x.shape]), starts);
}

function onDevice<A extends unknown[], R>(
  backend: XlaBackend,
  fn: (...args: A) => R,
  args: A,
  count: number,
): R {
  const { tensors, structure } = flatten(args);
  const tensor = (value: Value, dtype: DataType): Tensor =>
    engine().makeTensorFromTensorInfo(backend.makeTensorInfo(value, dtype));
  const held: Value[] = [];
  const hold = (value: Value): Value => {
    held.push(retained(value));
    return value;
  };
  const step = (
    i: Value,
  ): { values: Value[]; dtypes: DataType[]; results: ReturnType<typeof flatten>['structure'] } =>
    tidy(() => {
      const slices = tensors.map(t => tensor(element(backend.getValue(t), i), t.dtype));
      const flat = flatten(fn(...(unflatten(structure, slices) as A)));
      const values = flat.tensors.map(t => hold(backend.getValue(t)));
      return { values, dtypes: flat.tensors.map(t => t.dtype), results: flat.structure } as never;
    });

  try {
    return loop();
  } finally {
    held.forEach(value => value.release());
  }

  function loop(): R {
    // One call beforehand tells which variables change, and what the results are.
    const before = new Map<Variable, Value>(variables().map(v => [v, hold(backend.settle(v))]));
    const zero = hlo.scalar(0, 's32');
    const sample = step(zero);
    const assigned = assignedOf(backend, before);
    restore(backend, assigned, before);

    const carried = assigned.map(v => before.get(v)!);
    const empty = sample.values.map(({ dtype, shape }) => hlo.fill(0, { dtype, shape: [count, ...shape] }));
    const [, ...last] = hlo.whileLoop(
      [zero, ...carried, ...empty],
      ([i]) => hlo.compare(i, hlo.scalar(count, 's32'), 'LT'),
      ([i, ...state]) => {
        assigned.forEach((v, j) => assign(backend, v, state[j]));
        const { values } = step(i);
        const next = assigned.map((v, j) => hold(hlo.convert(backend.getValue(v), carried[j].dtype)));
        const collected = values.map((x, j) => withElement(state[assigned.length + j], i, x));
        return [hlo.add(i, hlo.scalar(1, 's32')), ...next, ...collected];
      },
    );
    assigned.forEach((v, j) => assign(backend, v, last[j]));
    const results = sample.dtypes.map((dtype, j) => tensor(last[assigned.length + j], dtype));
    return unflatten(sample.results, results) as R;
  }
}
