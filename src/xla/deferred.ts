/**
 * Kernels that are recorded without being lowered.
 *
 * A program's StableHLO is needed once, when it is compiled; a model that runs without jit calls the same kernels every time. So
 * a call is looked up first: where the kernel has been called with the same attributes on inputs of the same types, its results'
 * types are known, and one value stands for all of its operations. A program is told by the calls that it consists of
 * (`structureOf`); the operations are made (`lowered`) only where no such program has been printed yet.
 */
import { type TensorType, Value, inOrder, resultsOf } from './hlo';
import { Recent } from './recent';

/** What a kernel gives: one value, or a list of them. */
export type Results = Value | readonly Value[];

export type Lower = (operands: readonly Value[]) => Results;

const listed = (results: Results): Value[] => [results].flat() as Value[];

/** A kernel with its attributes, for operands of certain types. */
interface Call {
  /** Differs from that of every other call. */
  readonly id: number;
  readonly types: readonly TensorType[];
  /** Whether it gives a list, if only of one. */
  readonly list: boolean;
  readonly lower: Lower;
}

/** A call on given operands; several results are taken out by `result` values. */
class Deferred extends Value {
  constructor(
    readonly call: Call,
    operands: readonly Value[],
  ) {
    const [{ dtype, shape }] = call.types;
    super('deferred', operands, dtype, shape, {}, [], call.types.length > 1 ? call.types : undefined);
  }
}

/** The call that a value stands for, unless it has been computed. */
const callOf = (v: Value): Call | undefined => (v.op === 'deferred' ? (v as Deferred).call : undefined);

let count = 0;

/** The calls of one back end. */
export class Calls {
  private readonly known = new Recent<string, Call | 'lower at once'>(8192);

  /**
   * The results of a kernel, not lowered; undefined where it has to be lowered at once.
   * @param key tells the kernel, its attributes and all that its lowering depends on but the operands' types
   * @param prepare gives the lowering, which is kept: its attributes must hold for good
   */
  defer(key: string, operands: readonly Value[], prepare: () => Lower): Results | undefined {
    const typed = `${key} ${operands.map(v => `${v.dtype}[${v.shape.join()}]`).join(' ')}`;
    let call = this.known.get(typed);
    if (!call) {
      call = inspect(operands, prepare());
      this.known.set(typed, call);
    }
    if (call === 'lower at once') return undefined;
    const whole = new Deferred(call, operands);
    return call.list ? resultsOf(whole, call.types) : whole;
  }
}

/**
 * Lowers on operands without data, to see the results' types. A lowering that only hands on an operand, or makes a constant, leaves
 * nothing to defer; one that brings data of its own can't be.
 */
function inspect(operands: readonly Value[], lower: Lower): Call | 'lower at once' {
  const stands = operands.map(({ dtype, shape }) => new Value('parameter', [], dtype, shape));
  const made = lower(stands);
  const results = listed(made);
  const handedOn = ({ op, operands: [from] }: Value): boolean =>
    op === 'parameter' || op === 'constant' || (op === 'reshape' && handedOn(from));
  const given = new Set(stands);
  const own = (v: Value): boolean => v.op === 'parameter' && !given.has(v);
  if (results.length === 0 || results.some(handedOn) || inOrder(results).some(own)) return 'lower at once';
  const types = results.map(({ dtype, shape }) => ({ dtype, shape }));
  return { id: count++, types, list: Array.isArray(made), lower };
}

/** What tells a program from others, and its parameters in the order in which they are met. */
export interface GraphStructure {
  readonly key: string;
  readonly parameters: readonly Value[];
}

/** The structure of the program that computes `roots`; undefined where operations have regions, whose text alone tells. */
export function structureOf(roots: readonly Value[]): GraphStructure | undefined {
  const numbers = new Map<Value, number>();
  const parameters: Value[] = [];
  const parts: string[] = [];
  for (const v of inOrder(roots, ({ operands }) => operands)) {
    const call = callOf(v);
    if (v.regions.length > 0 || (v.results && !call)) return undefined;
    if (v.op === 'parameter') parameters.push(v);
    const operation = call ? call.id : describe(v);
    parts.push(`${operation}(${v.operands.map(o => numbers.get(o)).join()})`);
    numbers.set(v, numbers.size);
  }
  return { key: `${parts.join('')}${roots.map(v => numbers.get(v)).join()}`, parameters };
}

function describe({ op, dtype, shape, attrs }: Value): string {
  const attributes = Object.entries(attrs).flat().join(' ');
  return `${op} ${attributes} ${dtype}[${shape.join()}]`;
}

/** The operations that compute `roots`. */
export function lowered(roots: readonly Value[]): Value[] {
  const plain = new Map<Value, Value>();
  const several = new Map<Value, readonly Value[]>();
  for (const v of inOrder(roots)) {
    const call = callOf(v);
    const operands = v.operands.map(o => plain.get(o)!);
    if (call) {
      const results = listed(call.lower(operands));
      several.set(v, results);
      plain.set(v, results[0]);
    } else if (v.op === 'result' && several.has(v.operands[0])) {
      plain.set(v, several.get(v.operands[0])![Number(v.attrs.index)]);
    } else if (operands.every((o, i) => o === v.operands[i])) {
      plain.set(v, v);
    } else {
      plain.set(v, new Value(v.op, operands, v.dtype, v.shape, v.attrs, v.regions, v.results));
    }
  }
  return roots.map(root => plain.get(root)!);
}

/** A kernel's attributes as text; different for attributes that differ, be it by the sign of a zero. */
export function attributesText(x: unknown): string {
  if (typeof x === 'number') return Object.is(x, -0) ? '-0' : String(x);
  if (typeof x === 'string') return JSON.stringify(x);
  if (Array.isArray(x) || ArrayBuffer.isView(x))
    return `[${Array.from(x as ArrayLike<unknown>, attributesText).join()}]`;
  if (typeof x !== 'object' || x === null) return String(x);
  return `{${Object.entries(x)
    .map(([name, value]) => `${name}:${attributesText(value)}`)
    .join()}}`;
}
