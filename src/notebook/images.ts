/** Pictures of pixels: grids of images with captions, and convolution filters. */
import { PNG } from 'pngjs';
import { UserError } from '../errors';
import { escapeHtml, show } from './display';
import { FONT, INK } from './theme';

/** An RGB image of `side` × `side` pixels, bytes `[side, side, 3]`. */
export type Pixels = Uint8Array;

export interface GridOptions {
  /** Pictures in a row. Default 10. */
  columns?: number;
  /** Text under each picture. */
  captions?: readonly string[];
  /** Text left of each row. */
  rowNames?: readonly string[];
  title?: string;
  /** Side of a picture in pixels of its own. Default 32. */
  side?: number;
  /** Screen pixels per picture pixel. Default 2. */
  scale?: number;
}

/** All pictures in one PNG, without gaps. */
function mosaic(images: readonly Pixels[], columns: number, side: number): { png: string; rows: number } {
  const rows = Math.ceil(images.length / columns);
  const sheet = new PNG({ width: columns * side, height: rows * side });
  images.forEach((image, i) => {
    if (image.length !== side * side * 3) {
      throw new UserError(`Picture ${i} has ${image.length} bytes instead of ${side}×${side}×3.`);
    }
    for (let p = 0; p < side * side; p++) {
      const y = Math.floor(i / columns) * side + Math.floor(p / side);
      const x = (i % columns) * side + (p % side);
      const to = (y * sheet.width + x) * 4;
      for (let c = 0; c < 3; c++) sheet.data[to + c] = image[p * 3 + c];
      sheet.data[to + 3] = 255;
    }
  });
  return { png: PNG.sync.write(sheet).toString('base64'), rows };
}

/** A grid as one SVG: each picture a window onto one shared PNG, so that the file stays small. */
export function gridSvg(images: readonly Pixels[], options: GridOptions = {}): string {
  if (images.length === 0) throw new UserError('There are no pictures to show: give at least one.');
  const { columns = 10, captions, rowNames, title, side = 32, scale = 2 } = options;
  const { png, rows } = mosaic(images, columns, side);
  const cell = side * scale;
  const gap = 6;
  const left = rowNames ? 92 : 0;
  const top = title ? 26 : 0;
  const pitch = cell + gap + (captions ? 16 : 0);
  const width = left + columns * (cell + gap);
  const height = top + rows * pitch;
  const text = (x: number, y: number, anchor: string, size: number, words: string) =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}" fill="${INK}">${escapeHtml(words)}</text>`;
  const parts: string[] = [];
  if (title) parts.push(text(left, 16, 'start', 14, title));
  for (let i = 0; i < images.length; i++) {
    const x = left + (i % columns) * (cell + gap);
    const y = top + Math.floor(i / columns) * pitch;
    const view = `${(i % columns) * side} ${Math.floor(i / columns) * side} ${side} ${side}`;
    parts.push(
      `<svg x="${x}" y="${y}" width="${cell}" height="${cell}" viewBox="${view}"><use href="#sheet" xlink:href="#sheet"/></svg>`,
    );
    const caption = captions?.[i];
    if (caption) {
      const size = Math.max(7, Math.min(10.5, (cell + gap) / (0.62 * caption.length))); // or neighbours would touch
      parts.push(text(x + cell / 2, y + cell + 12, 'middle', Number(size.toFixed(1)), caption));
    }
  }
  rowNames?.forEach((name, r) => parts.push(text(left - 8, top + r * pitch + cell / 2 + 4, 'end', 12, name)));
  const sheet =
    `<image id="sheet" width="${columns * side}" height="${rows * side}" style="image-rendering:pixelated" ` +
    `href="data:image/png;base64,${png}"/>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="${escapeHtml(FONT)}"><defs>${sheet}</defs>${parts.join('')}</svg>`
  );
}

/** Shows pictures in a grid. */
export function imageGrid(images: readonly Pixels[], options: GridOptions = {}): void {
  show({
    'image/svg+xml': gridSvg(images, options),
    'text/plain': options.title ?? `${images.length} pictures`,
  });
}

/** Floats `[n, side, side, 3]`, normalized by mean and deviation, back to pictures. */
export function picturesOf(
  values: ArrayLike<number>,
  mean: readonly number[],
  std: readonly number[],
  side = 32,
): Pixels[] {
  const size = side * side * 3;
  return Array.from({ length: values.length / size }, (_, i) =>
    Uint8Array.from({ length: size }, (_, k) =>
      clampByte((values[i * size + k] * std[k % 3] + mean[k % 3]) * 255),
    ),
  );
}

const clampByte = (value: number) => Math.max(0, Math.min(255, Math.round(value)));

/**
 * A first layer's filters as pictures, each stretched to the full range; gray is zero.
 * @param kernel `[side, side, 3, filters]`
 */
export function filterPictures(kernel: ArrayLike<number>, side: number, filters: number): Pixels[] {
  if (kernel.length !== side * side * 3 * filters) {
    throw new UserError(`The kernel has ${kernel.length} weights, not ${side}×${side}×3×${filters}.`);
  }
  return Array.from({ length: filters }, (_, f) => {
    const weights = Array.from({ length: side * side * 3 }, (_, k) => kernel[k * filters + f]);
    const largest = Math.max(...weights.map(Math.abs)) || 1;
    return Uint8Array.from(weights, weight => clampByte(127.5 + (127.5 * weight) / largest));
  });
}
