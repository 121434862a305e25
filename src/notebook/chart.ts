/** Charts as plain data: what is drawn, told once, for the interactive and the static picture alike. */
import { UserError } from '../errors';

/** An axis with its label (unit in brackets). */
export interface Axis {
  label: string;
  /** Logarithmic scale. */
  log?: boolean;
  /** Limits; default: fitted to the data. */
  range?: readonly [number, number];
}

/** One line. */
export interface Series {
  name: string;
  x: readonly number[];
  y: readonly number[];
  dashed?: boolean;
  /** Mark the points too: for few of them. */
  points?: boolean;
  /** The points alone, hollow, without a line from one to the next. */
  scatter?: boolean;
}

/** Curves over a numeric axis. */
export interface LineChart {
  kind: 'line';
  title?: string;
  x: Axis;
  y: Axis;
  series: readonly Series[];
}

/** Bars over named categories; histograms too, with their bins as categories. */
export interface BarChart {
  kind: 'bar';
  title?: string;
  x: Axis;
  y: Axis;
  categories: readonly string[];
  /** The bars' middles, equally far apart: they stand over an axis of numbers, not of names. */
  middles?: readonly number[];
  series: readonly { name: string; values: readonly number[] }[];
}

/** A matrix of numbers as colors, row 0 on top. */
export interface Heatmap {
  kind: 'heatmap';
  title?: string;
  x: Axis;
  y: Axis;
  columns: readonly string[];
  rows: readonly string[];
  /** `[rows][columns]` */
  values: readonly (readonly number[])[];
}

export type Chart = LineChart | BarChart | Heatmap;

/** Points that a line keeps; a stored notebook need not hold more than a screen can show. */
const MAX_POINTS = 600;

/**
 * Checks lengths and thins long lines out.
 * @throws UserError naming the series whose lengths differ.
 */
export function prepare(chart: Chart): Chart {
  switch (chart.kind) {
    case 'line':
      return { ...chart, series: chart.series.map(thin) };
    case 'bar':
      for (const { name, values } of chart.series) sameLength(`Bars "${name}"`, values, chart.categories);
      if (chart.middles) sameLength('The axis of the bars', chart.middles, chart.categories);
      return chart;
    case 'heatmap':
      sameLength('The heat map', chart.values, chart.rows);
      chart.values.forEach((row, i) =>
        sameLength(`Row "${chart.rows[i]}" of the heat map`, row, chart.columns),
      );
      return chart;
    default:
      return chart satisfies never;
  }
}

function sameLength(what: string, values: readonly unknown[], names: readonly unknown[]): void {
  if (values.length !== names.length) {
    throw new UserError(`${what} has ${values.length} values for ${names.length} names: give one each.`);
  }
}

const round = (value: number) => (Number.isFinite(value) ? Number(value.toPrecision(5)) : value);

function thin(series: Series): Series {
  const { x, y } = series;
  if (x.length !== y.length) {
    throw new UserError(`Series "${series.name}" has ${x.length} x and ${y.length} y: give as many of both.`);
  }
  const stride = Math.ceil(x.length / MAX_POINTS);
  const keep = (_: number, i: number) => i % stride === 0 || i === x.length - 1;
  return { ...series, x: x.filter(keep), y: y.filter(keep).map(round) };
}

/** Counts values into equal bins: the bars of a histogram. What is not finite is left out, and the axis says how many were. */
export function histogram(values: ArrayLike<number>, bins: number, label: string, title?: string): BarChart {
  let low = Infinity;
  let high = -Infinity;
  let left = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      left++;
      continue;
    }
    low = Math.min(low, values[i]);
    high = Math.max(high, values[i]);
  }
  if (!(high >= low)) throw new UserError(`The histogram of "${label}" has no numbers to count.`);
  const width = (high - low) / bins || 1;
  const counts: number[] = Array(bins).fill(0);
  for (let i = 0; i < values.length; i++)
    if (Number.isFinite(values[i])) counts[Math.min(bins - 1, Math.floor((values[i] - low) / width))]++;
  const edge = (i: number) => String(Number((low + i * width).toPrecision(3)));
  return {
    kind: 'bar',
    title,
    x: { label: left ? `${label} (${left} of ${values.length} not finite, left out)` : label },
    y: { label: 'count' },
    categories: counts.map((_, i) => `${edge(i)} to ${edge(i + 1)}`),
    middles: counts.map((_, i) => low + (i + 0.5) * width),
    series: [{ name: label, values: counts }],
  };
}

/**
 * A confusion matrix in percent of each true class.
 * @param counts `[true class][predicted class]`
 */
export function confusionChart(
  counts: readonly (readonly number[])[],
  names: readonly string[],
  title?: string,
): Heatmap {
  const values = counts.map(row => {
    const total = row.reduce((a, b) => a + b, 0) || 1;
    return row.map(n => Math.round((1000 * n) / total) / 10);
  });
  return {
    kind: 'heatmap',
    title,
    x: { label: 'predicted' },
    y: { label: 'true class' },
    columns: names,
    rows: names,
    values,
  };
}
