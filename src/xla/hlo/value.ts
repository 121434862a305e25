/**
 * A value of the program graph: one StableHLO operation and its (first) result.
 *
 * Values are immutable in meaning but not in representation: once a value has been computed and lies on a device,
 * `bind` turns it into a parameter, so that graphs built on it afterwards start there and what it was computed
 * from can be freed. `retain`/`release` count who needs a value; a value that nobody retains holds nothing.
 */
import { type DType, type TensorType, sizeOf } from './types';

/** A region of an operation (the body of a while, a comparator): its block arguments and what it returns. */
export interface Region {
  readonly parameters: readonly Value[];
  readonly results: readonly Value[];
}

/** What a parameter stands for. The graph does not look inside; `free` is called when nobody needs it any more. */
export interface Source {
  free(): void;
}

let nextId = 0;

export class Value implements TensorType {
  readonly id = nextId++;
  /** Retained this many times, by tensors and by retained values that use it. */
  uses = 0;
  /** Set on parameters. */
  source: Source | undefined;
  /** Values from outside that the regions refer to; computed on first use. */
  captured: readonly Value[] | undefined;

  constructor(
    /** Operation name without the dialect (`add`), or `parameter`, `region_parameter`, `constant`, `result`. */
    public op: string,
    public operands: readonly Value[],
    readonly dtype: DType,
    readonly shape: readonly number[],
    /** Attribute name → MLIR attribute text; `value` of a constant; `index` of a `result`. */
    public attrs: Readonly<Record<string, string>> = {},
    public regions: readonly Region[] = [],
    /** All result types of an operation with several results; each is taken out by a `result` value. */
    readonly results?: readonly TensorType[],
  ) {}

  get size(): number {
    return sizeOf(this.shape);
  }

  get rank(): number {
    return this.shape.length;
  }

  retain(): void {
    const stack: Value[] = [this];
    for (let v = stack.pop(); v; v = stack.pop()) if (v.uses++ === 0) stack.push(...dependencies(v));
  }

  release(): void {
    const stack: Value[] = [this];
    for (let v = stack.pop(); v; v = stack.pop()) {
      if (--v.uses > 0) continue;
      stack.push(...dependencies(v));
      v.source?.free();
    }
  }

  /** Makes this computed value a parameter that stands for `source`, and lets go of what it was computed from. */
  bind(source: Source): void {
    const before = dependencies(this);
    this.op = 'parameter';
    this.operands = [];
    this.attrs = {};
    this.regions = [];
    this.captured = undefined;
    this.source = source;
    if (this.uses > 0) for (const v of before) v.release();
  }
}

/** A parameter: data that exists before the program runs. */
export function parameter(type: TensorType, source: Source): Value {
  const value = new Value('parameter', [], type.dtype, type.shape);
  value.source = source;
  return value;
}

/** Operands, and the values from outside that an operation's regions refer to. */
export function dependencies(v: Value): readonly Value[] {
  if (v.regions.length === 0) return v.operands;
  v.captured ??= captures(v);
  return v.captured.length === 0 ? v.operands : [...v.operands, ...v.captured];
}

/** All values that `roots` need, operands first. */
export function inOrder(
  roots: readonly Value[],
  needs: (v: Value) => readonly Value[] = dependencies,
): Value[] {
  const order: Value[] = [];
  const entered = new Set<Value>();
  const stack = roots.map(value => ({ value, done: false }));
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { value, done } = top;
    if (done) order.push(value);
    if (done || entered.has(value)) continue;
    entered.add(value);
    stack.push({ value, done: true });
    for (const need of needs(value)) stack.push({ value: need, done: false });
  }
  return order;
}

/** Outer values that the regions of `v` refer to: parameters, and all that does not depend on block arguments. */
function captures(v: Value): Value[] {
  const out = new Set<Value>();
  for (const region of v.regions) {
    const inside = insideRegion(region);
    for (const inner of inside) {
      for (const operand of dependencies(inner)) if (!inside.has(operand)) out.add(operand);
    }
    for (const result of region.results) if (!inside.has(result)) out.add(result);
  }
  return [...out];
}

/** The values of a region that depend on its block arguments (those arguments included). */
export function insideRegion(region: Region): Set<Value> {
  const inside = new Set<Value>(region.parameters);
  const seen = new Set<Value>();
  const visit = (root: Value): void => {
    const stack: Value[] = [root];
    while (stack.length > 0) {
      const v = stack[stack.length - 1];
      const needs = dependencies(v);
      if (inside.has(v) || (seen.has(v) && !needs.some(o => !seen.has(o)))) {
        stack.pop();
        continue;
      }
      const open = needs.filter(o => !seen.has(o) && !inside.has(o));
      if (open.length > 0) {
        stack.push(...open);
        continue;
      }
      seen.add(v);
      if (needs.some(o => inside.has(o))) inside.add(v);
      stack.pop();
    }
  };
  for (const result of region.results) visit(result);
  return inside;
}
