/**
 * Which values a program should write to memory once, though XLA's CPU compiler would compute them anew for each use.
 *
 * That compiler fuses an elementwise operation into all that use it. In a chain of residual additions each block's output is so
 * computed anew from all blocks before it: the arrays read grow with the square of the depth.
 */
import { type Value, dependencies, inOrder } from './value';

/** What the compiler fuses into its users. */
export const FUSED = new Set(
  (
    'add subtract multiply divide maximum minimum power remainder and or xor not negate abs exponential log sqrt rsqrt ' +
    'tanh logistic floor ceil sign select compare convert clamp broadcast_in_dim reshape pad slice transpose reverse boundary'
  ).split(' '),
);

/** Elements. Smaller values are computed anew as fast as they are read. */
export const LARGE = 2 ** 14;

/** A value that would be computed anew from so many large arrays is written instead. */
const MANY = 3;

/**
 * The large values, used more than once, that depend through fused operations on at least `MANY` large arrays.
 * @param given values that the program does not compute
 */
export function worthWriting(roots: readonly Value[], given?: ReadonlySet<Value>): Set<Value> {
  const written = new Set<Value>();
  const uses = new Map<Value, number>();
  const order = inOrder(roots, v =>
    given?.has(v) ? [] : [...dependencies(v), ...v.regions.flatMap(region => region.results)],
  );
  const use = (v: Value) => uses.set(v, (uses.get(v) ?? 0) + 1);
  for (const v of order) if (!given?.has(v)) v.operands.forEach(use);
  roots.forEach(use);
  /** The large arrays that a use of the value reads. */
  const reads = new Map<Value, ReadonlySet<Value>>();
  for (const v of order) {
    const itself = new Set(v.size >= LARGE ? [v] : []);
    if (!FUSED.has(v.op) || given?.has(v)) {
      reads.set(v, itself);
      continue;
    }
    const through = new Set(v.operands.flatMap(o => [...(reads.get(o) ?? [])]));
    const write = v.size >= LARGE && through.size >= MANY && uses.get(v)! > 1;
    if (write) written.add(v);
    reads.set(v, write ? itself : through);
  }
  return written;
}
