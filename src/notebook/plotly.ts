/** Charts as plotly figures (the JSON of plotly.js): the interactive picture. */
import { namesFit } from './axes';
import { type Axis, type Chart } from './chart';
import { colorOf, FONT, GRID, HEAT, heatInk, heatShare, INK, isDashed } from './theme';

/** A plotly figure; the MIME type `application/vnd.plotly.v1+json`. */
export interface PlotlyFigure {
  data: Record<string, unknown>[];
  layout: Record<string, unknown>;
  config: Record<string, unknown>;
}

/** One figure of all charts, side by side. */
export function plotlyFigure(charts: readonly Chart[], width: number, height: number): PlotlyFigure {
  const data: Record<string, unknown>[] = [];
  const layout: Record<string, unknown> = {
    width: width * charts.length,
    height,
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    font: { family: FONT, size: 12, color: INK },
    margin: { l: charts.some(chart => chart.kind === 'heatmap') ? 96 : 64, r: 16, t: 44, b: 84 },
    legend: { orientation: 'h', y: -0.24 },
    showlegend: charts.some(chart => chart.kind !== 'heatmap' && chart.series.length > 1),
    annotations: [] as unknown[],
  };
  charts.forEach((chart, i) => addChart(chart, i, charts.length, width, data, layout));
  return { data, layout, config: { responsive: true, displaylogo: false, showSendToCloud: false } };
}

function addChart(
  chart: Chart,
  index: number,
  count: number,
  width: number,
  data: Record<string, unknown>[],
  layout: Record<string, unknown>,
): void {
  const n = index === 0 ? '' : String(index + 1);
  const gap = 0.06;
  const left = index / count + (index > 0 ? gap : 0);
  const right = (index + 1) / count - (index < count - 1 ? gap / 2 : 0);
  const annotations = layout.annotations as unknown[];
  if (chart.title) {
    const place = {
      x: (left + right) / 2,
      y: 1.02,
      xref: 'paper',
      yref: 'paper',
      xanchor: 'center',
      yanchor: 'bottom',
    };
    annotations.push({ ...place, text: chart.title, showarrow: false, font: { size: 14 } });
  }
  layout[`xaxis${n}`] = { ...axis(chart.x), domain: [left, right], anchor: `y${n}` };
  layout[`yaxis${n}`] = { ...axis(chart.y), anchor: `x${n}` };
  const axes = { xaxis: `x${n}`, yaxis: `y${n}` };
  switch (chart.kind) {
    case 'line':
      chart.series.forEach((series, s) => {
        data.push({
          ...axes,
          type: 'scatter',
          mode: series.scatter ? 'markers' : series.points ? 'lines+markers' : 'lines',
          name: series.name,
          x: series.x,
          y: series.y,
          ...(series.scatter
            ? { marker: { color: colorOf(s), symbol: 'circle-open', size: 9, line: { width: 2 } } }
            : { line: { color: colorOf(s), width: 2, dash: isDashed(series, s) ? 'dash' : 'solid' } }),
        });
      });
      break;
    case 'bar':
      if (!chart.middles) Object.assign(layout[`xaxis${n}`] as object, { type: 'category' });
      chart.series.forEach((series, s) => {
        const bars = {
          type: 'bar',
          name: series.name,
          x: chart.middles ?? chart.categories,
          y: series.values,
        };
        const hover = chart.middles && { hovertext: chart.categories, hoverinfo: 'text+y' };
        data.push({ ...axes, ...bars, ...hover, marker: { color: colorOf(s) } });
      });
      break;
    case 'heatmap': {
      const max = Math.max(...chart.values.flat());
      const share = chart.values.map(row => row.map(value => heatShare(value, max)));
      data.push({
        ...axes,
        type: 'heatmap',
        x: chart.columns,
        y: chart.rows,
        z: share,
        zmin: 0,
        zmax: 1,
        customdata: chart.values,
        hovertemplate: `${chart.y.label} %{y}<br>${chart.x.label} %{x}<br>%{customdata}<extra></extra>`,
        colorscale: HEAT.map((color, i) => [i / (HEAT.length - 1), color]),
        showscale: false,
        xgap: 1,
        ygap: 1,
      });
      chart.values.forEach((row, r) =>
        row.forEach((value, c) => {
          const place = { x: chart.columns[c], y: chart.rows[r], xref: axes.xaxis, yref: axes.yaxis };
          annotations.push({
            ...place,
            text: String(value),
            showarrow: false,
            font: { size: 10, color: heatInk(share[r][c]) },
          });
        }),
      );
      Object.assign(layout[`yaxis${n}`] as object, { autorange: 'reversed', type: 'category' });
      const tickangle = namesFit(chart.columns, (right - left) * (count * width - 112)) ? 0 : 40;
      Object.assign(layout[`xaxis${n}`] as object, { type: 'category', tickangle });
      break;
    }
    default:
      chart satisfies never;
  }
}

function axis({ label, log, range }: Axis): Record<string, unknown> {
  return {
    title: { text: label },
    type: log ? 'log' : undefined,
    range: range && log ? range.map(Math.log10) : range,
    exponentformat: log ? 'power' : undefined,
    gridcolor: GRID,
    zerolinecolor: GRID,
    automargin: true,
  };
}
