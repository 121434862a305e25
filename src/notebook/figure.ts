/** A chart under a cell: interactive where the page can run plotly, an SVG everywhere else. */
import { prepare, type Chart } from './chart';
import { show, type MimeBundle } from './display';
import { plotlyFigure } from './plotly';
import { staticSvg } from './staticSvg';

/** Size in pixels of one chart. */
export interface FigureSize {
  width?: number;
  height?: number;
}

/** Both pictures of the charts, drawn side by side. */
export function figureBundle(charts: Chart | readonly Chart[], size: FigureSize = {}): MimeBundle {
  const list = (Array.isArray(charts) ? (charts as readonly Chart[]) : [charts as Chart]).map(prepare);
  const wide = list.length > 1;
  const { width = wide ? 370 : 640, height = list.some(chart => chart.kind === 'heatmap') ? 480 : 340 } =
    size;
  return {
    'application/vnd.plotly.v1+json': plotlyFigure(list, width, height),
    'image/svg+xml': staticSvg(list, width, height),
    'text/plain': list.map(chart => chart.title ?? `${chart.y.label} over ${chart.x.label}`).join(' | '),
  };
}

/** Shows one chart, or several side by side. */
export function figure(charts: Chart | readonly Chart[], size: FigureSize = {}): void {
  show(figureBundle(charts, size));
}
