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
