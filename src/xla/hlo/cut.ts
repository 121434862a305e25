/**
 * Cutting a long program into several, at the boundaries that the model marks.
 *
 * XLA compiles in time that grows faster than the program, though a deep network repeats a few blocks over and over. Cut between
 * its blocks, equal stretches print as equal texts, and each text is compiled once.
 */
import { FUSED, LARGE } from './materialize';
import { type Value, dependencies, inOrder } from './value';

/** When and how finely a program is cut; in operations. */
export interface CutOptions {
  /** Shorter programs stay whole. Default 20,000. */
  readonly above?: number;
  /** Least length of a part. Default 1,000. */
  readonly size?: number;
}

/** A part: what it computes for others, and what it takes from parts before it. */
export interface Part {
  readonly roots: readonly Value[];
  readonly given: ReadonlySet<Value>;
}

/**
 * Parts that, run in order, compute `roots`. An operation belongs to the stretch between boundaries in which it was recorded, which
 * is the order of forward and backward pass; those recorded after the last one (an optimizer's) to the earliest that they can.
 */
export function cut(roots: readonly Value[], { above = 20_000, size = 1_000 }: CutOptions = {}): Part[] {
  const whole = [{ roots, given: new Set<Value>() }];
  const order = inOrder(roots);
  const boundaries = order.filter(v => v.op === 'boundary').map(v => v.id);
  if (order.length <= above || boundaries.length === 0) return whole;
  const stretch = stretches(
    order,
    boundaries.sort((a, b) => a - b),
  );
  const part = joined(stretch, boundaries.length + 1, size);
  const sole = soleSources(order);

  const parts: Part[] = [];
  const last = Math.max(...part);
  const wanted = Array.from({ length: last + 1 }, () => new Set<Value>());
  for (const root of roots) wanted[partOf(root) ?? last].add(root);
  for (let p = last; p >= 0; p--) {
    const results = [...wanted[p]].sort((a, b) => a.id - b.id);
    const handedOn = (v: Value): boolean => {
      const home = partOf(v);
      return home !== undefined && home !== p && !sole.has(v);
    };
    const given = new Set(inOrder(results, v => (handedOn(v) ? [] : dependencies(v))).filter(handedOn));
    given.forEach(v => wanted[partOf(v)!].add(v));
    if (results.length > 0) parts.unshift({ roots: results, given });
  }
  return parts;

  function partOf(v: Value): number | undefined {
    const s = stretch.get(v);
    return s === undefined ? undefined : part[s];
  }
}

/** By value the number of the stretch that computes it; parameters and what depends on none belong to no stretch. */
function stretches(order: readonly Value[], boundaries: readonly number[]): Map<Value, number> {
  const last = boundaries.length;
  const stretch = new Map<Value, number>();
  const floating = new Set<Value>();
  const fromData = new Set<Value>();
  for (const v of order) {
    const needs = dependencies(v);
    if (v.op === 'parameter') fromData.add(v);
    if (!needs.some(d => fromData.has(d))) continue;
    fromData.add(v);
    const recorded = v.op === 'result' ? stretch.get(v.operands[0])! : before(boundaries, v.id);
    if (recorded < last) {
      stretch.set(v, recorded);
      continue;
    }
    const earliest = Math.max(
      ...needs.map(d => (stretch.has(d) ? stretch.get(d)! + Number(d.op === 'boundary') : -1)),
    );
    if (earliest >= 0) stretch.set(v, earliest);
    else floating.add(v);
  }
  // What depends on parameters only goes where it is first used.
  const users = new Map<Value, number>();
  for (const v of [...order].reverse()) {
    if (floating.has(v)) stretch.set(v, users.get(v) ?? last);
    const s = stretch.get(v);
    if (s !== undefined) for (const d of dependencies(v)) users.set(d, Math.min(s, users.get(d) ?? last));
  }
  return stretch;
}

/** How many of the sorted numbers are smaller. */
function before(sorted: readonly number[], id: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** By stretch the number of its part: successive stretches are joined until they have `size` operations. */
function joined(stretch: ReadonlyMap<Value, number>, count: number, size: number): number[] {
  const lengths = new Array<number>(count).fill(0);
  for (const s of stretch.values()) lengths[s]++;
  let [part, length] = [0, 0];
  return lengths.map(each => {
    if (length >= size) [part, length] = [part + 1, 0];
    length += each;
    return part;
  });
}

/**
 * The large values that a compiler would fuse into their users and that read one large array at most: a later part computes them
 * anew from that array, which takes less memory than handing them on.
 */
function soleSources(order: readonly Value[]): Set<Value> {
  const MANY = Symbol('many');
  const sources = new Map<Value, Value | typeof MANY | undefined>();
  const sole = new Set<Value>();
  for (const v of order) {
    if (!FUSED.has(v.op) || v.op === 'boundary') {
      sources.set(v, v.size >= LARGE && v.op !== 'parameter' ? v : undefined);
      continue;
    }
    const read = new Set(v.operands.map(o => sources.get(o)).filter(s => s !== undefined));
    const source = read.size > 1 ? MANY : [...read][0];
    sources.set(v, source);
    if (v.size >= LARGE && source !== MANY) sole.add(v);
  }
  return sole;
}
