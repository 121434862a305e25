/** The programs of a recorded function: one, or, where it is long and was cut, several that run in order. */
import { type DeviceArray } from './deviceArray';
import {
  type CutOptions,
  type ProgramText,
  type TensorType,
  type Value,
  cut,
  dependencies,
  inOrder,
} from './hlo';
import { type Program, type Runtime } from './runtime';
import { executeOnDevices, splitAttribute } from './sharding';

/** One program. What goes in and out has a number, its slot: first the function's parameters, then what the parts compute. */
export interface TracePart extends ProgramText {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly types: readonly TensorType[];
  /** Parameter indices that are donated. */
  readonly donated: readonly number[];
  /** Slots that are needed neither by a later part nor as a result. */
  readonly last: readonly number[];
  /** By parameter: the axis along which it is split over the devices. */
  readonly splitAxes: readonly (number | undefined)[];
}

export interface PartsOptions {
  readonly name: string;
  /** Parameters that come first, used or not. */
  readonly placeholders: readonly Value[];
  /** By parameter the root that may be written over it, its variable's new value. */
  readonly updateOf: ReadonlyMap<Value, Value>;
  readonly devices?: number;
  readonly splitAxis: (parameter: Value) => number | undefined;
  readonly cut?: CutOptions;
}

/** Programs that compute `roots`: the parts, the parameters by slot, and the roots' slots. */
export function makeParts(
  runtime: Runtime,
  roots: readonly Value[],
  options: PartsOptions,
): { parts: TracePart[]; parameters: Value[]; roots: number[] } {
  const { placeholders, updateOf, devices, splitAxis, name } = options;
  const distinct = [...new Set(roots)];
  // Between parts every device would have to hold everything.
  const pieces = devices ? [{ roots: distinct, given: new Set<Value>() }] : cut(distinct, options.cut);
  const first = pieces.length === 1 ? placeholders : [];
  const inputs = pieces.map(({ roots: of, given }) => {
    const needed = inOrder(of, v => (given.has(v) ? [] : dependencies(v)));
    return [...new Set([...first, ...needed.filter(v => v.op === 'parameter' || given.has(v))])];
  });
  const lastUse = new Map(inputs.flatMap((values, i) => values.map(v => [v, i] as const)));
  const wanted = new Set(roots);
  const parameters = [...lastUse.keys()].filter(v => v.op === 'parameter');

  const slots = new Map(parameters.map((p, slot) => [p, slot] as const));
  const results = new Map<Value, number>();
  let count = slots.size;
  const parts = pieces.map(({ roots: of, given }, i): TracePart => {
    const aliases = new Map<number, number>();
    const outputOf = new Map(of.map((v, output) => [v, output] as const));
    inputs[i].forEach((p, k) => {
      const update = updateOf.get(p);
      // A program cannot give an input's memory to the output that is that very input.
      if (!update || update === p || update.dtype !== p.dtype || lastUse.get(p) !== i) return;
      const output = outputOf.get(update);
      if (output === undefined) return;
      aliases.set(k, output);
      outputOf.delete(update); // which takes the memory of one
    });
    const splitAxes = inputs[i].map(splitAxis);
    const argumentAttributes = new Map<number, string>();
    splitAxes.forEach((axis, k) => {
      if (axis !== undefined) argumentAttributes.set(k, splitAttribute(inputs[i][k].rank, axis, devices!));
    });
    const { text, partitions } = runtime.module(of, {
      ...{ parameters: inputs[i], given, aliases, argumentAttributes, partitions: devices, name },
    });
    const part = {
      inputs: inputs[i].map(v => slots.get(v)!),
      outputs: of.map(() => count++),
      types: of.map(({ dtype, shape }) => ({ dtype, shape })),
      donated: [...aliases.keys()],
      last: [...given].filter(v => lastUse.get(v) === i && !wanted.has(v)).map(v => slots.get(v)!),
    };
    of.forEach((v, k) => {
      results.set(v, part.outputs[k]);
      if (v.op !== 'parameter') slots.set(v, part.outputs[k]);
    });
    return { text, partitions, ...part, splitAxes };
  });
  return { parts, parameters, roots: roots.map(root => results.get(root)!) };
}

/** The parts' programs; compiles what the runtime does not have, or has no more. */
export function compileParts(runtime: Runtime, parts: readonly TracePart[]): Program[] {
  return parts.map(part => runtime.compile(part, part.types));
}

/** Whether the parts' programs are there and the first need not wait for another. */
export const canStart = (runtime: Runtime, parts: readonly TracePart[]): boolean =>
  parts.every(part => runtime.known(part)?.alone === false);

/** As `compileParts`, off the event loop, several at a time. Resolves when the first can be started without waiting. */
export async function compilePartsAsync(runtime: Runtime, parts: readonly TracePart[]): Promise<void> {
  const programs = await Promise.all(parts.map(part => runtime.compileAsync(part, part.types)));
  await runtime.turn(programs);
}

/**
 * Runs the parts in order.
 * @param parameters data of the first slots
 * @param kept whether the memory of a parameter must not be given away
 * @returns what the slots in `wanted` hold
 */
export function runParts(
  runtime: Runtime,
  parts: readonly TracePart[],
  wanted: readonly number[],
  parameters: readonly DeviceArray[],
  kept: (slot: number) => boolean,
): DeviceArray[] {
  const slots = [...parameters];
  try {
    for (const part of parts) {
      const { inputs, outputs, donated, last, splitAxes, partitions } = part;
      const program = runtime.compile(part, part.types);
      const given = inputs.map(slot => slots[slot]);
      const keep = donated.filter(i => kept(inputs[i]));
      const made = partitions
        ? executeOnDevices(runtime, program, given, splitAxes, partitions, keep)
        : runtime.execute(
            program,
            given.map(array => array.onDevice(runtime.client)),
            keep,
          );
      made.forEach((array, i) => (slots[outputs[i]] = array));
      last.forEach(slot => slots[slot].free());
    }
  } catch (error) {
    slots.slice(parameters.length).forEach(array => array?.free());
    throw error;
  }
  return wanted.map(slot => slots[slot]);
}
