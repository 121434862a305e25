/** Windows sliding over the axes of a value (spec: "reduce_window", "convolution"). */

export interface Window {
  readonly size: readonly number[];
  readonly strides: readonly number[];
  readonly padding: readonly (readonly [number, number])[];
  readonly baseDilations?: readonly number[];
  readonly dilations?: readonly number[];
}

export const padText = (padding: readonly (readonly [number, number])[]): string =>
  `dense<[${padding.map(([a, b]) => `[${a}, ${b}]`).join(', ')}]> : tensor<${padding.length}x2xi64>`;

export function windowed(size: number, i: number, w: Window): number {
  const base = size === 0 ? 0 : (size - 1) * (w.baseDilations?.[i] ?? 1) + 1;
  const padded = base + w.padding[i][0] + w.padding[i][1];
  const span = (w.size[i] - 1) * (w.dilations?.[i] ?? 1) + 1;
  return padded < span ? 0 : Math.floor((padded - span) / w.strides[i]) + 1;
}
