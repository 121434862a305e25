/** Text of MLIR attributes, and checks, for the constructors of operations. */

export const i64s = (xs: readonly number[]): string =>
  xs.length > 0 ? `array<i64: ${xs.join(', ')}>` : 'array<i64>';
export const i64 = (x: number): string => `${x} : i64`;
export const bool = (x: boolean): string => (x ? 'true' : 'false');

export function check(ok: boolean, op: string, why: () => string): asserts ok {
  if (!ok) throw new Error(`stablehlo.${op}: ${why()}`);
}

export const list = (xs: readonly number[]): string => `[${xs.join(', ')}]`;
