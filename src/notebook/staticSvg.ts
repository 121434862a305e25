/** Charts as SVG text, drawn in Node by echarts: the picture where no script runs. */
import * as echarts from 'echarts';
import { drawnNumbers, LETTER, logAxis, longestName, namesFit } from './axes';
import { type Axis, type Chart } from './chart';
import { colorOf, FONT, GRID, HEAT, heatInk, heatShare, INK, isDashed, SERIES } from './theme';

echarts.setPlatformAPI({
  measureText: (text, font) => ({
    width: text.length * LETTER * (parseFloat(/[\d.]+px/.exec(font ?? '')?.[0] ?? '') || 12),
  }),
} as Parameters<typeof echarts.setPlatformAPI>[0]);

/** One SVG of all charts, side by side, each `width` × `height` pixels; its background is transparent. */
export function staticSvg(charts: readonly Chart[], width: number, height: number): string {
  const panels = charts.map(chart => panel(chart, width, height));
  if (panels.length === 1) return panels[0];
  const placed = panels.map((svg, i) =>
    svg.replace('<svg ', `<svg x="${i * width}" `).replace(/zr-/g, `p${i}-`),
  );
  const size = `width="${width * panels.length}" height="${height}" viewBox="0 0 ${width * panels.length} ${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${size}>${placed.join('')}</svg>`;
}

function panel(chart: Chart, width: number, height: number): string {
  const drawing = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    drawing.setOption(option(chart, width));
    return drawing.renderToSVGString().replace(/zr\d+-/g, 'zr-'); // numbered on from chart to chart
  } finally {
    drawing.dispose();
  }
}

/** Pixels between two names of the legend, and between two of its rows; width of a mark with its gap, and of a letter of 12 pixels. */
const LEGEND = { gap: 26, row: 40, mark: 30, letter: 12 * LETTER };

/** Rows into which echarts breaks the names. */
function legendRows(names: readonly string[], width: number): number {
  let [rows, x] = [1, 0];
  for (const name of names) {
    const needed = LEGEND.mark + LEGEND.letter * name.length + LEGEND.gap;
    if (x > 0 && x + needed > width) [rows, x] = [rows + 1, 0];
    x += needed;
  }
  return rows;
}

/** Degrees by which names are turned that find no room beside each other. */
const TURN = 40;
/** Pixels beside the bars, and beside a heat map. */
const MARGIN = 84;
const HEAT_MARGIN = 116;

/** Pixels that turned names of bars take below; 0: they have room as they are, or are numbers, of which echarts leaves some out. */
function turnedNames(chart: Chart, width: number): number {
  if (chart.kind === 'line' || (chart.kind === 'bar' && chart.middles)) return 0;
  const names = chart.kind === 'bar' ? chart.categories : chart.columns;
  if (chart.kind === 'bar' && names.every(name => Number.isFinite(Number(name)))) return 0;
  const fits = namesFit(names, width - (chart.kind === 'bar' ? MARGIN : HEAT_MARGIN));
  return fits ? 0 : Math.ceil(longestName(names) * Math.sin((TURN * Math.PI) / 180));
}

/** echarts' own hollow circle is filled with white. */
const hollow = (color: string) => ({
  symbol: 'circle',
  symbolSize: 9,
  itemStyle: { color: 'transparent', borderColor: color, borderWidth: 2 },
});

function option(chart: Chart, width: number): echarts.EChartsCoreOption {
  const wide = chart.kind === 'heatmap';
  const legend = !wide && chart.series.length > 1;
  const names = legend ? chart.series.map(({ name }) => name) : [];
  const turned = turnedNames(chart, width);
  const numbers = drawnNumbers(chart);
  const bottom = turned + (legend ? 36 + LEGEND.row * legendRows(names, width) : 52);
  const common = {
    animation: false,
    backgroundColor: 'transparent',
    color: [...SERIES],
    // echarts writes the font into an attribute as it is.
    textStyle: { fontFamily: FONT.replace(/"/g, "'"), color: INK },
    title: {
      text: chart.title,
      left: 'center',
      top: 6,
      textStyle: { fontSize: 14, fontWeight: 'normal', color: INK },
    },
    grid: { left: wide ? 96 : 64, right: 20, top: 40, bottom },
    legend: legend ? { bottom: 4, itemGap: LEGEND.gap, textStyle: { color: INK } } : undefined,
  };
  switch (chart.kind) {
    case 'line':
      return {
        ...common,
        xAxis: valueAxis(chart.x, 28, numbers.x),
        yAxis: valueAxis(chart.y, 44, numbers.y),
        series: chart.series.map((series, s) => ({
          type: series.scatter ? 'scatter' : 'line',
          name: series.name,
          data: series.x.map((x, i) => [x, series.y[i]]),
          showSymbol: series.points ?? false,
          ...(series.scatter ? hollow(colorOf(s)) : { symbol: 'circle', symbolSize: 6 }),
          lineStyle: { width: 2, type: isDashed(series, s) ? 'dashed' : 'solid', color: colorOf(s) },
        })),
      };
    case 'bar':
      return {
        ...common,
        xAxis: chart.middles
          ? valueAxis(chart.x, 28, [])
          : {
              ...nameAxis(chart.x, chart.categories),
              nameGap: 28 + turned,
              axisLabel: turned ? { color: INK, rotate: TURN, interval: 0 } : { color: INK },
            },
        yAxis: { ...valueAxis(chart.y, 44, numbers.y, true), scale: false }, // a bar's length says something from zero on only
        series: chart.series.map(({ name, values }) => ({
          type: 'bar',
          name,
          data: values.map((value, i) => (chart.middles ? [chart.middles[i], value] : value)),
          ...(chart.middles && { barCategoryGap: '8%' }),
        })),
      };
    case 'heatmap': {
      const max = Math.max(...chart.values.flat());
      const cells = chart.values.flatMap((row, r) =>
        row.map((value, c) => ({
          value: [c, r, heatShare(value, max)],
          label: {
            show: true,
            formatter: String(value),
            fontSize: 10,
            color: heatInk(heatShare(value, max)),
          },
        })),
      );
      return {
        ...common,
        xAxis: {
          ...nameAxis(chart.x, chart.columns),
          nameGap: 28 + turned,
          axisLabel: { color: INK, rotate: turned ? -TURN : 0, interval: 0 },
        },
        yAxis: {
          ...nameAxis(chart.y, chart.rows),
          inverse: true,
          nameGap: 78,
          axisLabel: { color: INK, interval: 0 },
        },
        visualMap: { show: false, min: 0, max: 1, inRange: { color: [...HEAT] } },
        series: [{ type: 'heatmap', data: cells }],
      };
    }
    default:
      return chart satisfies never;
  }
}

const named = (axis: Axis) => ({ name: axis.label, nameLocation: 'middle', nameTextStyle: { color: INK } });

/** @param numbers that are drawn along it */
function valueAxis(axis: Axis, nameGap: number, numbers: readonly number[], bars = false) {
  const log = axis.log ? logAxis(numbers, axis, bars) : undefined;
  const ticks = log && { customValues: log.ticks };
  return {
    ...named(axis),
    nameGap,
    type: log ? 'log' : 'value',
    min: log?.low ?? axis.range?.[0],
    max: log?.high ?? axis.range?.[1],
    scale: true,
    axisLabel: { color: INK, hideOverlap: true, ...ticks, formatter: log?.text },
    axisTick: ticks,
    axisLine: { lineStyle: { color: INK } },
    splitLine: { lineStyle: { color: GRID } },
  };
}

function nameAxis(axis: Axis, names: readonly string[]) {
  return {
    ...named(axis),
    type: 'category',
    data: [...names],
    axisLabel: { color: INK },
    axisLine: { lineStyle: { color: INK } },
    axisTick: { show: false },
  };
}
