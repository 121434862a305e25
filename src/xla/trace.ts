/** Recording a function as one program: what jit does on the first call, and how the program is run. */
import { type Tensor, type Variable, engine, tidy } from '@tensorflow/tfjs-core';
import { STORAGE, type XlaBackend } from './backend';
import { type DeviceArray } from './deviceArray';
import { XlaError } from './errors';
import { type CutOptions, type DType, type TensorType, type Value, convert, parameter } from './hlo';
import { type TracePart, makeParts, runParts } from './parts';
import { type Sharding, checkSharding } from './sharding';
import { type Structure, flatten, unflatten } from './structure';

/** A recorded function: one program, or, where it is long and was cut, several that run in order. */
export interface Trace {
  readonly parts: readonly TracePart[];
  /** Where the data of the first slots come from at a call. */
  readonly origins: readonly Origin[];
  /** The variables among the origins, and how the programs take them to be stored. */
  readonly read: readonly { readonly variable: Variable; readonly dtype: DType }[];
  /** What the function captured: the tensors among the origins that are neither arguments nor variables. */
  readonly captured: readonly Value[];
  /** Slots of the results, then of the assigned variables' new values. */
  readonly roots: readonly number[];
  readonly assigned: readonly Variable[];
  /** Of each program one root, by its index: a program's outputs are there all at once. */
  readonly awaited: readonly number[];
  readonly results: Structure;
  readonly resultTypes: readonly { shape: number[]; dtype: Tensor['dtype'] }[];
}

/** An argument's index, a variable, or what was captured. */
type Origin = number | { readonly variable: Variable } | { readonly captured: Value };

/** Variables that a trace made: they get their initial values, and the function is traced again. */
type NewVariables = Map<Variable, Value>;

/** Every variable that there is, but those of strings, which no program knows. */
export const variables = (): Variable[] =>
  Object.values(engine().registeredVariables).filter(({ dtype }) => dtype !== 'string');

/** Tells of each variable that is made until the function returned is called. */
function watchVariables(tell: (variable: Variable) => void): () => void {
  const instance = engine();
  const make = instance.makeVariable;
  instance.makeVariable = (...args) => {
    const variable = make.apply(instance, args);
    tell(variable);
    return variable;
  };
  return () => void (instance.makeVariable = make);
}

/** What of jit's options a trace depends on. */
interface RecordOptions {
  readonly name: string;
  readonly sharding?: Sharding;
  readonly cut?: CutOptions;
  readonly platform?: string;
}

/** What stands for data that a program will be given. */
const stand = (type: TensorType): Value => retained(parameter(type, { free: () => undefined }));

/**
 * Runs `fn` once on tensors without data and makes a program of what its kernels recorded. Meanwhile each variable stands for a parameter of its
 * own, whatever else has the same data: a clone, another variable, the argument that it is a view of.
 * @param again whether this is the second try, after one that made variables
 */
export function record<A extends unknown[], R>(
  backend: XlaBackend,
  fn: (...args: A) => R,
  args: A,
  options: RecordOptions,
  again = false,
): Trace {
  const { name, sharding } = options;
  const { runtime } = backend;
  backend.flush();
  const { tensors, structure } = flatten(args);
  const placeholders = tensors.map(({ dataId, shape }) =>
    stand({ dtype: backend.stored(dataId).dtype, shape }),
  );
  if (sharding) checkSharding(sharding, placeholders, runtime.client, name);
  const held = new Map(variables().map(v => [v, retained(backend.getValue(v))] as const));
  const before = new Map([...held].map(([v, { dtype }]) => [v, stand({ dtype, shape: v.shape })] as const));
  const giveBack = (): void =>
    restore(
      backend,
      [...held.keys()].filter(v => !v.isDisposed),
      held,
    );
  /** Values of the graph that are needed until its text is there. */
  const needed: Value[] = [];
  const need = (value: Value): Value => {
    needed.push(retained(value));
    return value;
  };
  const created: NewVariables = new Map();
  backend.unknown = new Set([...placeholders, ...before.values()]);
  const { platform, native } = runtime;
  runtime.platform = options.platform ?? platform;
  // XLA can't divide what it doesn't know.
  if (sharding && sharding.devices > 1) runtime.native = [];
  const unwatch = watchVariables(v => created.set(v, retained(backend.settle(v))));
  try {
    before.forEach((value, v) => assign(backend, v, value));
    let traced: Traced | undefined;
    tidy(() => {
      const inputs = placeholders.map((p, i) =>
        engine().makeTensorFromTensorInfo(backend.makeTensorInfo(p, tensors[i].dtype)),
      );
      const result = fn(...(unflatten(structure, inputs) as A));
      if (result instanceof Promise) throw new XlaError(`jit(${name}): an async function cannot be traced.`);
      const flat = flatten([result]);
      traced = {
        results: flat.structure,
        resultTypes: flat.tensors.map(t => ({ shape: t.shape, dtype: t.dtype })),
        values: flat.tensors.map(t => need(backend.getValue(t))),
      };
    });
    if (!traced) throw new XlaError(`jit(${name}): the trace gave no result.`);
    const assigned = assignedOf(backend, before);
    const updates = assigned.map(v => need(stored(backend.getValue(v), v, before.get(v)!.dtype)));
    giveBack();
    unwatch();
    if (created.size > 0) {
      // The function made variables (an optimizer's slots): trace it again with them.
      if (again) throw new XlaError(`jit(${name}) makes variables at every call: make them outside.`);
      initialize(backend, created, name);
      backend.unknown = undefined;
      created.forEach(v => v.release());
      created.clear();
      return record(backend, fn, args, options, true);
    }
    backend.unknown = undefined;
    return finish(backend, { traced, assigned, updates, before, placeholders }, options);
  } catch (error) {
    giveBack();
    settleAfterError(backend, created);
    throw error;
  } finally {
    backend.unknown = undefined;
    runtime.platform = platform;
    runtime.native = native;
    unwatch();
    for (const value of [...held.values(), ...before.values(), ...placeholders, ...needed]) value.release();
  }
}

/** A variable's new value as the device is to store it: as the old one, but bytes, which it may not fit, as tfjs's type asks. */
const stored = (value: Value, { dtype }: Variable, old: DType): Value =>
  convert(value, old === 'u8' ? STORAGE[dtype]! : old);

/** The variables that no longer stand for the values that they had. */
export function assignedOf(backend: XlaBackend, before: ReadonlyMap<Variable, Value>): Variable[] {
  return [...before.keys()].filter(v => !v.isDisposed && backend.stored(v.dataId) !== before.get(v));
}

/** Computes the initial values of variables that a trace made. */
function initialize(backend: XlaBackend, created: NewVariables, name: string): void {
  for (const [variable, value] of created) {
    if (backend.isKnown(value)) continue;
    throw new XlaError(
      `jit(${name}): the variable ${variable.name} gets its first value from an argument or another variable. Make it outside.`,
    );
  }
  giveFirstValues(backend, created);
}

function giveFirstValues(backend: XlaBackend, created: NewVariables): void {
  backend.materialize([...created.values()].filter(v => v.op !== 'parameter'));
  restore(
    backend,
    [...created.keys()].filter(v => !v.isDisposed),
    created,
  );
}

/** The names that TensorFlow.js gives to variables that get none. */
const UNNAMED = /^\d+$/;

/**
 * What becomes of the variables that a failed trace made. An optimizer may hold those without a name, its slots: they get their first values, if
 * these are known. The others are disposed: the function, once it is right, makes them again by the same names.
 */
function settleAfterError(backend: XlaBackend, created: NewVariables): void {
  const slots = new Map([...created].filter(([v, value]) => UNNAMED.test(v.name) && backend.isKnown(value)));
  for (const variable of created.keys()) if (!slots.has(variable)) variable.dispose();
  giveFirstValues(backend, slots);
  for (const value of created.values()) value.release();
}

/** What a trace returned. */
type Traced = Pick<Trace, 'results' | 'resultTypes'> & { values: Value[] };

interface Recorded {
  traced: Traced;
  assigned: readonly Variable[];
  /** The variables' new values. */
  updates: readonly Value[];
  before: ReadonlyMap<Variable, Value>;
  placeholders: readonly Value[];
}

function finish(
  backend: XlaBackend,
  { traced, assigned, updates, before, placeholders }: Recorded,
  { name, sharding, cut }: RecordOptions,
): Trace {
  const variableOf = new Map([...before].map(([v, value]) => [value, v] as const));
  const updateOf = new Map(assigned.map((variable, i) => [before.get(variable)!, updates[i]] as const));
  const argument = new Map(placeholders.map((p, i) => [p, i] as const));
  const devices = sharding && sharding.devices > 1 ? sharding.devices : undefined;
  const splitAxis = (p: Value): number | undefined =>
    devices && argument.has(p) ? sharding!.split[argument.get(p)!] : undefined;
  const { parts, parameters, roots } = makeParts(backend.runtime, [...traced.values, ...updates], {
    ...{ placeholders, updateOf, devices, splitAxis, cut, name: identifier(name) },
  });
  const captured: Value[] = [];
  const read: { variable: Variable; dtype: DType }[] = [];
  const origins = parameters.map((p): Origin => {
    const index = argument.get(p);
    if (index !== undefined) return index;
    const variable = variableOf.get(p);
    if (variable) {
      read.push({ variable, dtype: p.dtype });
      return { variable };
    }
    captured.push(retained(p));
    return { captured: p };
  });
  const awaited = parts.map(({ outputs }) => roots.findIndex(slot => outputs.includes(slot)));
  return {
    ...{ parts, roots, origins, read, captured, assigned, awaited: awaited.filter(i => i >= 0) },
    ...{ results: traced.results, resultTypes: traced.resultTypes },
  };
}

/** The name as MLIR takes it. */
const identifier = (name: string): string => name.replace(/\W/g, '_').replace(/^(?![A-Za-z_])/, '_');

/** Whether the variables are still stored as the programs take them. */
export const fits = ({ read }: Trace, backend: XlaBackend): boolean =>
  read.every(({ variable, dtype }) => variable.isDisposed || backend.stored(variable.dataId).dtype === dtype);

/** The value, retained once more. */
export function retained(value: Value): Value {
  value.retain();
  return value;
}

/** Lets variables stand for the given values again, without disturbing tensors that share their data. */
export function restore(
  backend: XlaBackend,
  which: readonly Variable[],
  values: ReadonlyMap<Variable, Value>,
): void {
  for (const variable of which) assign(backend, variable, values.get(variable)!);
}

/** Lets a variable stand for a value. */
export function assign(backend: XlaBackend, variable: Variable, value: Value): void {
  if (backend.refCount(variable.dataId) === 1) {
    backend.setValue(variable.dataId, value);
  } else {
    const tensor = engine().makeTensorFromTensorInfo(backend.makeTensorInfo(value, variable.dtype), backend);
    variable.assign(tensor as never);
    tensor.dispose();
  }
}

/** Runs a recorded function, whose programs are compiled, on the arguments' data and the variables'. */
export function run(backend: XlaBackend, trace: Trace, given: readonly Value[]): unknown {
  const used = [...trace.read.map(({ variable }) => variable), ...trace.assigned];
  const gone = used.find(variable => variable.isDisposed);
  if (gone) throw new XlaError(`The variable ${gone.name}, which a jit function uses, was disposed.`);
  const values = trace.origins.map(origin => {
    if (typeof origin === 'number') return given[origin];
    return 'variable' in origin ? backend.settle(origin.variable) : origin.captured;
  });
  const pending = values.filter(v => v.op !== 'parameter');
  if (pending.length > 0) backend.materialize(pending);
  const argued = new Set(given);
  // Memory that something else still refers to (an argument, a clone, a pending graph) is not given away.
  const kept = (slot: number): boolean => {
    const { variable } = trace.origins[slot] as { variable: Variable };
    return argued.has(values[slot]) || values[slot].uses > 1 || backend.refCount(variable.dataId) > 1;
  };
  const arrays = values.map(v => v.source as DeviceArray);
  const made = new Map<DeviceArray, Value>();
  const outputs = runParts(backend.runtime, trace.parts, trace.roots, arrays, kept).map(array => {
    if (!made.has(array)) made.set(array, parameter(array.type, array));
    return made.get(array)!;
  });
  trace.assigned.forEach((variable, i) => assign(backend, variable, outputs[trace.resultTypes.length + i]));
  const results = trace.resultTypes.map(({ dtype }, i) =>
    engine().makeTensorFromTensorInfo(backend.makeTensorInfo(outputs[i], dtype), backend),
  );
  return (unflatten(trace.results, results) as unknown[])[0];
}
