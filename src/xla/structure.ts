/** Nested arguments and results ↔ flat lists of tensors. */
import { Tensor } from '@tensorflow/tfjs-core';
import { XlaError } from './errors';

/** The shape of nested data with tensors replaced by their place in the list; serializable, so it can be a key. */
export type Structure =
  | { readonly tensor: number }
  | { readonly list: readonly Structure[] }
  | { readonly record: Readonly<Record<string, Structure>> }
  | { readonly value: string | number | boolean | null | undefined };

/** Takes tensors out of nested arrays and plain objects. Other leaves must be plain values: they are static. */
export function flatten(data: unknown): { tensors: Tensor[]; structure: Structure } {
  const tensors: Tensor[] = [];
  const visit = (x: unknown): Structure => {
    if (x instanceof Tensor) return { tensor: tensors.push(x) - 1 };
    if (Array.isArray(x)) return { list: x.map(visit) };
    if (x === null || typeof x !== 'object') {
      if (typeof x === 'function' || typeof x === 'symbol' || typeof x === 'bigint') {
        throw new XlaError(
          `jit takes tensors, plain values, arrays and plain objects of them, not a ${typeof x}.`,
        );
      }
      return { value: x as string | number | boolean | null | undefined };
    }
    const proto: unknown = Object.getPrototypeOf(x);
    if (proto !== Object.prototype && proto !== null && (proto as object).constructor?.name !== 'Object') {
      throw new XlaError(
        `jit takes tensors, plain values, arrays and plain objects, not a ${x.constructor.name}.`,
      );
    }
    return { record: Object.fromEntries(Object.entries(x).map(([k, v]) => [k, visit(v)])) };
  };
  const structure = visit(data);
  return { tensors, structure };
}

/** The inverse of `flatten`. */
export function unflatten(structure: Structure, tensors: readonly Tensor[]): unknown {
  if ('tensor' in structure) return tensors[structure.tensor];
  if ('list' in structure) return structure.list.map(s => unflatten(s, tensors));
  if ('record' in structure) {
    return Object.fromEntries(Object.entries(structure.record).map(([k, s]) => [k, unflatten(s, tensors)]));
  }
  return structure.value;
}
