/** Colors of mid lightness, which stand out on white and on black alike (at least 3:1 on both). */

/** Text and axes. */
export const INK = '#808080';
/** Grid lines. */
export const GRID = 'rgba(128,128,128,0.25)';
/** Series, in order; neighbours also differ for the color-blind. */
export const SERIES: readonly string[] = [
  '#3b82f6',
  '#e07b00',
  '#16a34a',
  '#d946ef',
  '#ef4444',
  '#0d9488',
  '#8b7cf6',
  '#a16207',
];
export const colorOf = (series: number): string => SERIES[series % SERIES.length];
/** A line is dashed if it asks for that, or has the color of another one. */
export const isDashed = ({ dashed }: { dashed?: boolean }, series: number): boolean =>
  dashed === true || series >= SERIES.length;
/** A heat map's colors from low to high. Its cells are opaque, with text of their own. */
export const HEAT: readonly string[] = ['#eef3fb', '#9ec1f7', '#3b82f6', '#1e3a8a'];
export const FONT = 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif';

/** Text on a heat map's cell: dark or white, whichever stands out more (they are even at a share of about 0.7). */
export const heatInk = (share: number) => (share > 0.7 ? '#ffffff' : '#1f2937');

/** Small shares are drawn stronger, or the diagonal would be all one sees. */
export const heatShare = (value: number, max: number) => (max > 0 ? Math.sqrt(Math.max(0, value) / max) : 0);
