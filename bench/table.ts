/** What was measured, and its print. */
export interface Result {
  readonly name: string;
  readonly version: string;
  readonly device: string;
  readonly compileSeconds: number;
  readonly peakMB: number;
  /** Milliseconds of every step, all rounds together. */
  readonly ms: readonly number[];
  /** Processor time of a step by round, milliseconds. */
  readonly cpuMs: readonly number[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A line a peer; `ratio` is its median step over that of the first. */
export function formatTable(results: readonly Result[], batch: number): string {
  const base = median(results[0].ms);
  const rows = results.map(r => {
    const step = median(r.ms);
    return [
      r.name,
      step.toFixed(1),
      Math.min(...r.ms).toFixed(1),
      (step / base).toFixed(2),
      median(r.cpuMs).toFixed(0),
      ((1000 * batch) / step).toFixed(0),
      r.compileSeconds.toFixed(1),
      r.peakMB.toFixed(0),
      r.version,
    ];
  });
  const table = [['', 'ms/step', 'fastest', 'ratio', 'CPU ms', 'images/s', 'first step s', 'peak MB', 'version'], ...rows]; // prettier-ignore
  const width = table[0].map((_, column) => Math.max(...table.map(row => row[column].length)));
  const cell = (text: string, i: number): string =>
    i === 0 || i === 8 ? text.padEnd(width[i]) : text.padStart(width[i]);
  return table.map(row => row.map(cell).join('  ').trimEnd()).join('\n');
}
