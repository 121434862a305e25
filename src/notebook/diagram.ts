/** A model as a diagram: boxes for layers, a frame around each block, shapes on the edges; a column a stage. */
import type * as tf from '@tensorflow/tfjs';
import { formatCount, summarize } from '../models/summary';
import { type Row, type Unit, unitsOf } from './diagramUnits';
import { escapeHtml, show } from './display';
import { FONT, INK, SERIES } from './theme';

export interface DiagramOptions {
  /** true: every block by itself. false: equal blocks that follow one another are drawn once, with "× 3". Default false. */
  unfold?: boolean;
}

const BOX = 24;
const GAP = 20;
const FRAME = 12;
const TOP = 62;
const COLUMN_GAP = 44;

/** Where a column's units stand: centre of the boxes, and of the lane in which shortcuts run. */
interface Column {
  units: Unit[];
  left: number;
  center: number;
  boxWidth: number;
  lane: number;
  laneWidth: number;
}

/**
 * Draws a model as SVG with a transparent background, legible on white and on black.
 * @throws nothing: layers without a block in their name stand by themselves.
 * @example fs.writeFileSync('resnet20.svg', diagram(createModel('resnet20_v1')))
 */
export function diagram(model: tf.LayersModel, { unfold = false }: DiagramOptions = {}): string {
  const summary = summarize(model);
  const columns = placeColumns(unitsOf(summary, unfold));
  const drawn = columns.map((column, i) => drawColumn(column, i, columns[i + 1]));
  const last = columns[columns.length - 1];
  const image = summary.layers[0].outputShape.slice(1).join('×');
  const facts =
    `${summary.parameters.toLocaleString('en-US')} parameters, ${formatCount(summary.multiplyAdds)} multiply-adds an image, ` +
    `sees ${summary.receptiveField}×${summary.receptiveField} pixels; image ${image}`;
  const width = Math.max(last.left + columnWidth(last) + 12, facts.length * 5.9 + 16);
  const height = Math.max(...drawn.map(column => column.bottom)) + 24;
  const arrow =
    `<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">` +
    `<path d="M0 0 8 4 0 8z" fill="${INK}"/></marker>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${Math.ceil(width)}" height="${height}" ` +
    `viewBox="0 0 ${Math.ceil(width)} ${height}" font-family="${escapeHtml(FONT)}"><defs>${arrow}</defs>` +
    `${text(8, 18, summary.name, { size: 15, weight: 600 })}${text(8, 36, facts, { size: 11.5 })}` +
    `${drawn.map(column => column.svg).join('')}</svg>`
  );
}

/** Shows the diagram of a model under the cell. */
export function showDiagram(model: tf.LayersModel, options: DiagramOptions = {}): void {
  show({ 'image/svg+xml': diagram(model, options), 'text/plain': `diagram of ${model.name}` });
}

/** A column a stage; what comes before the first stage stands on it, what comes after the last under it. */
function placeColumns(units: readonly Unit[]): Column[] {
  const stages: Unit[][] = [];
  let stage = 0;
  for (const unit of units) {
    const moves = unit.stage > 1 && unit.stage !== stage;
    if (stages.length === 0 || moves) stages.push([]);
    stage = unit.stage || stage;
    stages[stages.length - 1].push(unit);
  }
  let left = 12;
  return stages.map(column => {
    const widest = (rows: readonly Row[]) => Math.max(0, ...rows.map(row => row.text.length * 6.2 + 18));
    const boxWidth = Math.max(130, ...column.map(unit => widest(unit.rows)));
    const around = column.flatMap(unit => unit.shortcut?.rows ?? []);
    const laneWidth = column.some(unit => unit.shortcut) ? Math.max(30, widest(around)) : 0;
    const center = left + FRAME + boxWidth / 2;
    const lane = center + boxWidth / 2 + 10 + laneWidth / 2;
    const placed: Column = { units: column, left, center, boxWidth, lane, laneWidth };
    left += columnWidth(placed) + COLUMN_GAP;
    return placed;
  });
}

/** Room for "×18" beside a column's frames. */
const timesRoom = (units: readonly Unit[]): number =>
  7 + 9 * Math.max(3, ...units.map(({ repeat }) => `×${repeat}`.length));

function columnWidth({ units, boxWidth, laneWidth }: Column): number {
  return boxWidth + 2 * FRAME + (laneWidth ? laneWidth + 10 : 0) + timesRoom(units);
}

function drawColumn(
  column: Column,
  index: number,
  next: Column | undefined,
): { svg: string; bottom: number } {
  const { center } = column;
  const color = SERIES[index % SERIES.length];
  const parts: string[] = [];
  let y = TOP;
  for (const unit of column.units) {
    parts.push(
      edge(`M${center} ${y}V${y + GAP + 6}`),
      text(center + 7, y + 14, unit.inputShape, { size: 10.5 }),
    );
    y += GAP + 6;
    const drawn = drawUnit(unit, column, y, color);
    parts.push(drawn.svg);
    y = drawn.bottom;
  }
  const output = column.units[column.units.length - 1].rows.slice(-1)[0].shape;
  if (next) {
    const turn = next.left - COLUMN_GAP / 2;
    parts.push(edge(`M${center} ${y}V${y + 12}H${turn}V${TOP - 8}H${next.center}V${TOP}`, false));
  } else {
    parts.push(edge(`M${center} ${y}V${y + 22}`), text(center + 7, y + 15, output, { size: 10.5 }));
    y += 10;
  }
  return { svg: parts.join(''), bottom: y + 14 };
}

/** A unit from `top` on: boxes, edges between them, the shortcut, and a frame when it is a block. */
function drawUnit(unit: Unit, column: Column, top: number, color: string): { svg: string; bottom: number } {
  const { center, boxWidth, lane } = column;
  const parts: string[] = [];
  const { shortcut, rows, blocks } = unit;
  const framed = blocks !== undefined;
  let y = top + (framed ? FRAME + 14 : 0);
  if (framed) parts.push(edge(`M${center} ${top}V${y}`));
  const outlets = [top + (framed ? 10 : 0)]; // where row i − 1's output may be tapped
  let shape = unit.inputShape;
  rows.forEach((row, i) => {
    if (i > 0) {
      parts.push(edge(`M${center} ${y}V${y + GAP}`));
      if (row.kind !== 'add' && shape !== rows[i - 1].shape) {
        parts.push(text(center + 7, y + 13, rows[i - 1].shape, { size: 10 }));
      }
      shape = rows[i - 1].shape;
      outlets.push(y + 6);
      y += GAP;
    }
    if (row.kind === 'add') {
      parts.push(plus(center, y + BOX / 2, color));
      if (shortcut) {
        const start = outlets[shortcut.from + 1];
        parts.push(
          drawShortcut(shortcut.rows, { center, lane, start, end: y + BOX / 2 }, column.laneWidth, color),
        );
      }
    } else {
      parts.push(box(row, center, y, boxWidth, color));
    }
    y += BOX;
  });
  if (framed) {
    const bottom = y + FRAME;
    parts.push(edge(`M${center} ${y}V${bottom}`, false));
    const width = boxWidth + 2 * FRAME + (shortcut ? column.laneWidth + 10 : 0);
    const [first, last] = blocks;
    const title = first === last ? `block ${first}` : `blocks ${first}–${last}`;
    parts.push(
      `<rect x="${column.left}" y="${top}" width="${width}" height="${bottom - top}" rx="7" fill="none" stroke="${INK}" stroke-opacity="0.55"/>`,
      text(column.left + 8, top + 15, title, { size: 10.5 }),
    );
    if (unit.repeat > 1) {
      const middle = (top + bottom) / 2 + 5;
      parts.push(text(column.left + width + 5, middle, `×${unit.repeat}`, { size: 15, weight: 600 }));
    }
    y = bottom;
  }
  return { svg: parts.join(''), bottom: y };
}

function drawShortcut(
  rows: readonly Row[],
  at: { center: number; lane: number; start: number; end: number },
  width: number,
  color: string,
): string {
  const { center, lane, start, end } = at;
  const height = rows.length * BOX + Math.max(0, rows.length - 1) * GAP;
  let y = (start + end) / 2 - height / 2;
  const parts = [
    edge(`M${center} ${start}H${lane}V${rows.length ? y : end}${rows.length ? '' : `H${center + 10}`}`),
  ];
  rows.forEach((row, i) => {
    parts.push(box(row, lane, y, width, color));
    y += BOX;
    const last = i === rows.length - 1;
    parts.push(edge(last ? `M${lane} ${y}V${end}H${center + 10}` : `M${lane} ${y}V${y + GAP}`));
    if (!last) y += GAP;
  });
  return parts.join('');
}

function box(row: Row, center: number, y: number, width: number, color: string): string {
  const weighted = row.kind === 'conv';
  const stroke = row.kind === 'other' ? INK : color;
  const fill = weighted ? `fill="${color}" fill-opacity="0.14"` : `fill="${INK}" fill-opacity="0.06"`;
  const dash = row.kind === 'pool' ? ' stroke-dasharray="4 2"' : '';
  return (
    `<rect x="${center - width / 2}" y="${y}" width="${width}" height="${BOX}" rx="4" ${fill} stroke="${stroke}"${dash}>` +
    `<title>${escapeHtml(`${row.layers.join(', ')} → ${row.shape}`)}</title></rect>` +
    text(center, y + 16, row.text, { size: 12, anchor: 'middle' })
  );
}

function plus(x: number, y: number, color: string): string {
  const cross = `<path d="M${x - 5} ${y}H${x + 5}M${x} ${y - 5}V${y + 5}" stroke="${color}" stroke-width="2"/>`;
  return `<circle cx="${x}" cy="${y}" r="10" fill="none" stroke="${color}" stroke-width="1.5"/>${cross}`;
}

function edge(path: string, arrow = true): string {
  return `<path d="${path}" fill="none" stroke="${INK}"${arrow ? ' marker-end="url(#tip)"' : ''}/>`;
}

interface TextStyle {
  size: number;
  anchor?: 'start' | 'middle';
  weight?: number;
}

function text(x: number, y: number, words: string, { size, anchor = 'start', weight }: TextStyle): string {
  const bold = weight ? ` font-weight="${weight}"` : '';
  return `<text x="${x}" y="${y}" font-size="${size}" text-anchor="${anchor}" fill="${INK}"${bold}>${escapeHtml(words)}</text>`;
}
