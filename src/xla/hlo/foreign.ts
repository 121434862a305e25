/** Calls of functions that XLA does not know: handlers of its foreign function interface (spec: "custom_call"). */
import { i64s } from './attributes';
import { type TensorType } from './types';
import { Value } from './value';

const rowMajor = ({ shape }: TensorType): string =>
  `dense<[${shape.map((_, i) => shape.length - 1 - i).join(', ')}]> : tensor<${shape.length}xindex>`;

/** What a program is told of a handler: its name, and lists of integers by name. */
export interface Foreign {
  readonly target: string;
  readonly integers: Readonly<Record<string, readonly number[]>>;
}

/** A call with these attributes; all arrays lie row by row. */
function callWith(
  attributes: Readonly<Record<string, string>>,
  operands: readonly Value[],
  results: readonly TensorType[],
): Value {
  const [{ dtype, shape }] = results;
  const layouts = {
    operand_layouts: `[${operands.map(rowMajor).join(', ')}]`,
    result_layouts: `[${results.map(rowMajor).join(', ')}]`,
  };
  const types = results.length > 1 ? results : undefined;
  return new Value('custom_call', operands, dtype, shape, { ...attributes, ...layouts }, [], types);
}

/** The call of a handler. With one result it is that value; `resultsOf` takes several out. */
export function foreignCall(
  { target, integers }: Foreign,
  operands: readonly Value[],
  results: readonly TensorType[],
): Value {
  const given = Object.entries(integers).map(([name, values]) => `${name} = ${i64s(values)}`);
  const attributes = {
    call_target_name: `"${target}"`,
    api_version: '4 : i32',
    backend_config: `{${given.join(', ')}}`,
  };
  return callWith(attributes, operands, results);
}

/** The same call of other arrays, with other results. */
export const foreignCallOf = (
  call: Value,
  operands: readonly Value[],
  results: readonly TensorType[],
): Value => callWith(call.attrs, operands, results);

/** Whether a value is what a handler makes. */
export const madeBy = (v: Value, target: string): boolean =>
  v.op === 'custom_call' && v.attrs.call_target_name === `"${target}"`;

/** A call that takes the place of others in a program. */
export interface Joined {
  readonly call: Value;
  /** The values that the call's results stand for. The call is written where the first of them would be. */
  readonly gives: readonly Value[];
}

/** Finds calls that take the place of others among values, operands first, of which `wanted` are results. */
export type Join = (values: readonly Value[], wanted: readonly Value[]) => readonly Joined[];
