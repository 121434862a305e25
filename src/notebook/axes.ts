/** Where a chart's axes have their ticks, and which of their names have room. */
import { type Axis, type Chart } from './chart';

/** Room enough for a letter of any reader's font, in ems: echarts' own measure is that of one font, and words would touch in others. */
export const LETTER = 0.6;
/** Pixels of a letter in names and ticks. */
const LETTER_PIXELS = 12 * LETTER;

/** Pixels of the longest name. */
export const longestName = (names: readonly string[]): number =>
  LETTER_PIXELS * Math.max(...names.map(name => name.length));

/** Whether names have room beside each other. */
export const namesFit = (names: readonly string[], pixels: number): boolean =>
  longestName(names) + 4 <= pixels / names.length;

/** Limits and ticks of a logarithmic axis. */
export interface LogAxis {
  low: number;
  high: number;
  ticks: number[];
  /** A tick as text: 0.01, 2,000, or 10⁻⁵ where others of the axis are as small or as large. */
  text(tick: number): string;
}

/** Beyond these numbers an axis has powers. */
const [SMALLEST, LARGEST] = [1e-3, 1e5];

const superscript = (n: number): string =>
  [...String(n)].map(c => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]).join('');

/** How an axis of these numbers is drawn: powers of ten over many decades, more ticks the fewer they are. */
export function logAxis(numbers: readonly number[], { range }: Axis, bars = false): LogAxis {
  const drawn = (range ?? numbers).filter(value => value > 0 && Number.isFinite(value)).map(Math.log10);
  const [least, most] = drawn.length > 0 ? [Math.min(...drawn), Math.max(...drawn)] : [0, 1];
  const margin = range ? 0 : Math.max(0.04 * (most - least), 0.02);
  // A bar's foot is a power of ten, below the shortest.
  const [low, high] = [bars && !range ? Math.ceil(least) - 1 : least - margin, most + margin];
  const decades = high - low;
  const digits = decades > 3 ? [1] : decades > 1.2 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 8];
  const every = Math.ceil(decades / 8);
  const within = (log: number) => log > low - 1e-9 && log < high + 1e-9;
  const ticks: number[] = [];
  for (let exponent = Math.floor(low); exponent <= high; exponent++)
    for (const digit of exponent % every === 0 ? digits : [])
      if (within(exponent + Math.log10(digit))) ticks.push(Number(`${digit}e${exponent}`));
  const powers = digits.length === 1 && ticks.some(tick => tick < SMALLEST || tick > LARGEST);
  const text = (tick: number) =>
    powers
      ? `10${superscript(Math.round(Math.log10(tick)))}`
      : tick.toLocaleString('en-US', { maximumSignificantDigits: 3 });
  return { low: 10 ** low, high: 10 ** high, ticks, text };
}

/** The numbers that a chart draws along its axes. */
export function drawnNumbers(chart: Chart): { x: number[]; y: number[] } {
  if (chart.kind === 'line')
    return { x: chart.series.flatMap(({ x }) => [...x]), y: chart.series.flatMap(({ y }) => [...y]) };
  return { x: [], y: chart.kind === 'bar' ? chart.series.flatMap(({ values }) => [...values]) : [] };
}
