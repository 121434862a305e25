/** A network as a picture: a bar for each convolution, as tall as its maps and as wide as its channels; arcs are shortcuts. */
import { type LayerSummary, type ModelSummary } from '../models/summary';
import { escapeHtml, show } from './display';
import { FONT, INK, SERIES } from './theme';

const WEIGHTED = new Set(['Conv2D', 'GroupedConv2D', 'Dense']);
const HEIGHT = 150;
const TOP = 44;

interface Bar {
  layer: LayerSummary;
  x: number;
  width: number;
  height: number;
}

/** Bars left to right; a projection on a shortcut is told by the arc, not by a bar of its own. */
function layOut(layers: readonly LayerSummary[], gap: number): Bar[] {
  const bars: Bar[] = [];
  let x = 8;
  for (const layer of layers) {
    const side = layer.outputShape.length === 4 ? (layer.outputShape[1] ?? 1) : 4;
    const channels = layer.outputShape[layer.outputShape.length - 1] ?? 1;
    const width = Math.max(3, Math.min(22, 2 * Math.sqrt(channels) - 4));
    bars.push({ layer, x, width, height: HEIGHT * Math.sqrt(side / 32) });
    x += width + gap;
  }
  return bars;
}

/**
 * The picture as SVG, of the layers that have weights, in the order of the data.
 * @param summary what `summarize(model)` told
 */
export function modelPictureSvg(summary: ModelSummary): string {
  const byName = new Map(summary.layers.map(layer => [layer.name, layer]));
  const isShortcut = (layer: LayerSummary) => /shortcut|projection/i.test(layer.name);
  const weighted = summary.layers.filter(layer => WEIGHTED.has(layer.className) && !isShortcut(layer));
  // Few bars stand apart, so that each has room for its label.
  const bars = layOut(weighted, weighted.length > 60 ? 3 : weighted.length > 12 ? 8 : 64);
  const placeOf = new Map(bars.map(bar => [bar.layer.name, bar]));
  const middle = TOP + HEIGHT / 2;

  /** The bar whose output reaches this layer by the longest way: the latest of its ancestors. */
  const memo = new Map<string, Bar | undefined>();
  const latest = (name: string): Bar | undefined => {
    if (memo.has(name)) return memo.get(name);
    const own = placeOf.get(name);
    const before =
      own ??
      (byName.get(name)?.inputs ?? [])
        .map(latest)
        .reduce((a, b) => (!a || (b && b.x > a.x) ? b : a), undefined);
    memo.set(name, before);
    return before;
  };

  const parts: string[] = [];
  for (const layer of summary.layers.filter(layer => layer.className === 'Add')) {
    const ends = layer.inputs.map(latest).filter((bar): bar is Bar => bar !== undefined);
    if (ends.length < 2) continue;
    const [from, to] = [
      ends.reduce((a, b) => (a.x < b.x ? a : b)),
      ends.reduce((a, b) => (a.x > b.x ? a : b)),
    ];
    const [x0, x1] = [from.x + from.width + 2, to.x + to.width + 2];
    const y = middle - Math.max(from.height, to.height) / 2 - 3;
    const changed =
      String(from.layer.outputShape) !== String(to.layer.outputShape) ? ' stroke-dasharray="3 2"' : '';
    parts.push(
      `<path d="M${x0} ${y} Q${(x0 + x1) / 2} ${y - 24} ${x1} ${y}" fill="none" stroke="${INK}"${changed}/>`,
    );
  }
  let stage = -1;
  let shape = '';
  let labelEnd = -Infinity;
  for (const { layer, x, width, height } of bars) {
    const is = layer.outputShape.slice(1).join('×');
    if (is !== shape) {
      shape = is;
      stage++;
      const level = x < labelEnd ? 1 : 0;
      labelEnd = x + 60;
      parts.push(
        `<text x="${x}" y="${TOP + HEIGHT + 18 + 14 * level}" font-size="11" fill="${INK}">${escapeHtml(is)}</text>`,
      );
    }
    const title = `<title>${escapeHtml(`${layer.name}: ${layer.description}, ${layer.parameters} parameters`)}</title>`;
    const box = `x="${x}" y="${middle - height / 2}" width="${width}" height="${height}" rx="1.5"`;
    parts.push(`<rect ${box} fill="${SERIES[stage % SERIES.length]}">${title}</rect>`);
  }
  const last = bars[bars.length - 1];
  const width = Math.max(320, (last ? last.x + last.width : 0) + 48);
  const height = TOP + HEIGHT + 40;
  const head = `${summary.name}: ${weighted.length} layers with weights`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `font-family="${escapeHtml(FONT)}"><text x="8" y="14" font-size="13" fill="${INK}">${escapeHtml(head)}</text>${parts.join('')}</svg>`
  );
}

/** Shows the picture. */
export function modelPicture(summary: ModelSummary): void {
  show({ 'image/svg+xml': modelPictureSvg(summary), 'text/plain': `picture of ${summary.name}` });
}
