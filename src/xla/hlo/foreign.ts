/** Calls of functions that XLA does not know: handlers of its foreign function interface (spec: "custom_call"). */
import { i64s } from './attributes';
import { type DType } from './types';
import { Value } from './value';

const rowMajor = ({ shape }: Value | { shape: readonly number[] }): string =>
  `dense<[${shape.map((_, i) => shape.length - 1 - i).join(', ')}]> : tensor<${shape.length}xindex>`;

/** What handler `target` makes of arrays, given lists of integers by name. All arrays lie row by row. */
export function foreignCall(
  target: string,
  operands: readonly Value[],
  result: { readonly dtype: DType; readonly shape: readonly number[] },
  integers: Readonly<Record<string, readonly number[]>>,
): Value {
  const given = Object.entries(integers).map(([name, values]) => `${name} = ${i64s(values)}`);
  return new Value('custom_call', operands, result.dtype, result.shape, {
    call_target_name: `"${target}"`,
    api_version: '4 : i32',
    backend_config: `{${given.join(', ')}}`,
    operand_layouts: `[${operands.map(rowMajor).join(', ')}]`,
    result_layouts: `[${rowMajor(result)}]`,
  });
}

/** Calls that need not be made: what they give is another result of the call that makes their operand. */
const alongside = new WeakMap<Value, Value>();

/** Whether a value is what handler `target` makes. */
export const madeBy = (v: Value, target: string): boolean =>
  v.op === 'custom_call' && v.attrs.call_target_name === `"${target}"`;

/**
 * Says that `call` may give `side` as its second result; `side`'s own operands and attributes fall away then. In a program that holds one of them
 * only, or where they are apart, each is called by itself.
 */
export const computeAlongside = (side: Value, call: Value): void => void alongside.set(side, call);

/** The calls among these values that give two results, with the second. */
export function sideResults(values: Iterable<Value>): Map<Value, Value> {
  const all = new Set(values);
  const sides = new Map<Value, Value>();
  for (const side of all) {
    const call = alongside.get(side);
    if (call && all.has(call) && call.op === 'custom_call' && !sides.has(call)) sides.set(call, side);
  }
  return sides;
}

/** The attributes of a call that gives two results. */
export const withSide = (call: Value, side: Value): Value['attrs'] => ({
  ...call.attrs,
  result_layouts: `[${[call, side].map(rowMajor).join(', ')}]`,
});
