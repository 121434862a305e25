/**
 * 3×3 convolutions of stride 1 by Winograd's minimal filtering F(m×m, 3×3) (Lavin & Gray 2015, 1509.09308): an m×m tile of the output
 * takes (m+2)² products for a pair of channels in place of 9m². Tiles d of the image, m apart and m+2 wide, and kernels g are transformed
 * by small matrices, multiplied – one matrix product over all tiles and channels for each of the (m+2)² places – and transformed back:
 *
 *     Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A          dL/dg = Gᵀ [ (Bᵀ d B) ⊙ (A dY Aᵀ) ] G
 */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type Axis } from './geometry';
import { type NativeParts, nativeCall } from './native';
import { productPrecision } from './precision';

type Matrix = readonly (readonly number[])[];

interface Transforms {
  /** [m + 2][m + 2] */
  readonly bT: Matrix;
  /** [m + 2][3] */
  readonly g: Matrix;
  /** [m][m + 2] */
  readonly aT: Matrix;
}

/** By the tile's side m, the paper's section 4. */
const TRANSFORMS: Readonly<Record<number, Transforms>> = {
  2: {
    bT: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    g: [
      [1, 0, 0],
      [1 / 2, 1 / 2, 1 / 2],
      [1 / 2, -1 / 2, 1 / 2],
      [0, 0, 1],
    ],
    aT: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  4: {
    bT: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    g: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    aT: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
};

const transposed = (m: Matrix): Matrix => m[0].map((_, i) => m.map(row => row[i]));

/** m ⊗ m, which transforms rows and columns at once. */
const squared = (m: Matrix): Matrix =>
  m.flatMap(left => m.map(right => left.flatMap(a => right.map(b => a * b))));

const tilesOf = (size: number, m: number): number => Math.ceil(size / m);

/** What a form of the convolution takes, in a unit of one's own. */
interface Tiling {
  /** For each product of a pair of channels. */
  readonly product: number;
  /** Transforming costs as much as so many more channels on either side, */
  readonly transforming: number;
  /** and the kernel's as so many more tiles. */
  readonly kernel: number;
}

/** Costs of the plain form's products, and of those of tiles by their side. */
export interface Costs {
  readonly plain: number;
  readonly tiles: Readonly<Record<number, Tiling>>;
}

/** As XLA computes them, measured on two cores with AVX2 and with AVX-512 (`npm run bench:conv`). */
const XLA: Tiling = { product: 1, transforming: 70, kernel: 45 };
const XLA_FILTER: Tiling = { ...XLA, transforming: 90 };
/** Images smaller than two kernels, for which XLA's convolution is slow. */
const SMALL_IMAGE = 3;

/** Our own kernels (native.ts), whose plain form is the unit. */
const NATIVE: Tiling = { product: 1.5, transforming: 8, kernel: 60 };
const NATIVE_FILTER: Tiling = { product: 1.3, transforming: 50, kernel: 45 };
/** What XLA takes in that unit. */
const XLA_SLOWER = 1.3;

const slower = (t: Tiling): Tiling => ({ ...t, product: t.product * XLA_SLOWER });

/**
 * Costs of the convolution, and of the input's gradient.
 * @param smallImage of less than two kernels
 * @param native which of the forms our own kernels compute, if there are any
 */
export function forwardCosts(smallImage: boolean, native?: NativeParts): Costs {
  const plain = smallImage ? SMALL_IMAGE : 1;
  if (!native) return { plain, tiles: { 2: XLA, 4: XLA } };
  const tiles = { 2: slower(XLA), 4: native.winograd ? NATIVE : slower(XLA) };
  return { plain: native.forward && native.input ? 1 : plain * XLA_SLOWER, tiles };
}

/** Costs of the filter's gradient; XLA's plain form is products, see filterProducts.ts. */
export function filterCosts(native?: NativeParts): Costs {
  if (!native) return { plain: 1, tiles: { 2: XLA_FILTER, 4: XLA_FILTER } };
  const tiles = { 2: slower(XLA_FILTER), 4: native.winograd ? NATIVE_FILTER : slower(XLA_FILTER) };
  return { plain: native.filter ? 1 : XLA_SLOWER, tiles };
}

/**
 * The tile's side with which a convolution takes the least work; undefined where that is the plain form.
 * @param channels of the input and of the output
 */
export function winogradTile(
  batch: number,
  axes: readonly Axis[],
  [inputs, outputs]: readonly [number, number],
  costs: Costs,
): number | undefined {
  if (axes.some(a => a.kernel !== 3 || a.stride !== 1 || a.dilation !== 1)) return undefined;
  const positions = (m: number) => axes.reduce((total, a) => total * tilesOf(a.output, m), batch);
  let [best, least] = [undefined as number | undefined, 9 * costs.plain * positions(1)];
  for (const m of Object.keys(TRANSFORMS).map(Number)) {
    const { product, transforming, kernel } = costs.tiles[m];
    const each = 1 + transforming / inputs + transforming / outputs;
    const work = (m + 2) ** 2 * product * (positions(m) * each + kernel);
    if (work < least) [best, least] = [m, work];
  }
  return best;
}

/** The matrix times `x`, [columns of the matrix, …] → [rows of the matrix, …]. */
function multiplied(m: Matrix, x: Value): Value {
  const [rows, columns] = [m.length, m[0].length];
  const matrix = hlo.constant(m.flat(), { dtype: x.dtype, shape: [rows, columns] });
  const product = hlo.dotGeneral(matrix, hlo.reshape(x, [columns, x.size / columns]), {
    lhsContract: [1],
    rhsContract: [0],
    precision: productPrecision(),
  });
  return hlo.reshape(product, [rows, ...x.shape.slice(1)]);
}

/** One matrix product for each place, of [places, …, …] each; contracted along one axis of either. */
function products(lhs: Value, rhs: Value, lhsAxis: number, rhsAxis: number): Value {
  return hlo.dotGeneral(lhs, rhs, {
    lhsBatch: [0],
    rhsBatch: [0],
    lhsContract: [lhsAxis],
    rhsContract: [rhsAxis],
    precision: productPrecision(),
  });
}

/**
 * Windows of an axis, `step` apart and as long as the matrix is wide, each transformed: […, size, …] → [rows of the matrix, …, count, …].
 * Sums of slices, because a matrix product would need the overlapping windows in memory.
 */
function windows(m: Matrix, x: Value, axis: number, count: number, step: number): Value {
  const at = (value: number, others: readonly number[]) => others.map((n, a) => (a === axis ? value : n));
  const zeros = x.shape.map(() => 0);
  const ones = x.shape.map(() => 1);
  const slices = m[0].map((_, first) =>
    hlo.slice(x, at(first, zeros), at(first + (count - 1) * step + 1, x.shape), at(step, ones)),
  );
  const sums = m.map(row => {
    const terms = slices.flatMap((part, i) => (row[i] ? [hlo.mul(part, hlo.fill(row[i], part))] : []));
    const sum = terms.reduce((a, b) => hlo.add(a, b));
    return hlo.reshape(sum, [1, ...sum.shape]);
  });
  return hlo.concatenate(sums, 0);
}

/** `x` [n, h, w, c] with zeros around it: `low` before the first row and column, `size` rows and columns in all. */
function framed(x: Value, low: readonly number[], size: readonly number[]): Value {
  const high = size.map((n, i) => n - low[i] - x.shape[i + 1]);
  return hlo.pad(x, hlo.scalar(0, x.dtype), [0, ...low, 0], [0, ...high, 0], [0, 0, 0, 0]);
}

/** Bᵀ d B of an image's tiles, [(m + 2)², tiles, c], the columns' place before the rows'. */
function imageTiles(m: number, x: Value, low: readonly number[], [rows, columns]: readonly number[]): Value {
  const { bT } = TRANSFORMS[m];
  // Written once: each sum would ask of every element whether it is padding.
  const image = hlo.barrier(framed(x, low, [rows * m + 2, columns * m + 2]));
  const tiles = windows(bT, windows(bT, image, 1, rows, m), 3, columns, m);
  return hlo.reshape(tiles, [(m + 2) ** 2, x.shape[0] * rows * columns, x.shape[3]]);
}

/** G ⊗ G, [(m + 2)²][9]: of the kernel's nine taps, row by row, makes places, the columns' before the rows'. */
function kernelMatrix(m: number, reversed = false): Matrix {
  const taps = Array.from({ length: 9 }, (_, tap) => (reversed ? 8 - tap : tap));
  return squared(TRANSFORMS[m].g).map(row => taps.map(tap => row[3 * (tap % 3) + Math.floor(tap / 3)]));
}

/** Values that a part of the batch has at all places, so that they are still in the cache when they are multiplied. */
const CACHED = 2 ** 23;
const MOST_PARTS = 16;

/** Into how many equal parts a batch is split that takes so many values at all places. */
function partsOf(batch: number, values: number): number {
  const counts = Array.from({ length: MOST_PARTS }, (_, i) => i + 1).filter(count => batch % count === 0);
  return counts.find(count => values / count <= CACHED) ?? counts[counts.length - 1];
}

export interface WinogradOptions {
  /** Padding before the first row and column; negative: so many are left out. */
  readonly low: readonly number[];
  /** Rows and columns of the result. */
  readonly output: readonly number[];
  /** The kernel is reversed and its input and output channels are swapped, as for the input's gradient. */
  readonly reversed?: boolean;
  /** Computed by our own kernel, */
  readonly native?: boolean;
  /** which may add a bias [k]. */
  readonly bias?: readonly Value[];
}

/**
 * The convolution of x [n, h, w, c] with a kernel [3, 3, c, k].
 * @param m the tile's side, see `winogradTile`
 */
export function winograd(m: number, x: Value, kernel: Value, options: WinogradOptions): Value {
  const { low, output, reversed, native, bias = [] } = options;
  const [rows, columns] = output.map(size => tilesOf(size, m));
  const [places, batch, k] = [(m + 2) ** 2, x.shape[0], kernel.shape[reversed ? 2 : 3]];
  if (native) {
    const how = [...low, reversed ? 1 : 0];
    return nativeCall('winograd', [x, kernel, ...bias], [batch, ...output, k], { how });
  }
  const u = multiplied(kernelMatrix(m, reversed), hlo.reshape(kernel, [9, ...kernel.shape.slice(2)]));
  const parts = partsOf(batch, places * batch * rows * columns * (x.shape[3] + k));
  const images = hlo.split(x, parts, 0).map(part => {
    const v = imageTiles(m, part, low, [rows, columns]);
    const y = multiplied(squared(TRANSFORMS[m].aT), products(v, u, 2, reversed ? 2 : 1));
    const placed = hlo.transpose(hlo.reshape(y, [m, m, batch / parts, rows, columns, k]), [2, 3, 1, 4, 0, 5]);
    return hlo.reshape(placed, [batch / parts, rows * m, columns * m, k]);
  });
  return hlo.slice(hlo.concatenate(images, 0), [0, 0, 0, 0], [batch, ...output, k]);
}

/** dL/dw [3, 3, c, k] of the convolution of x [n, h, w, c], of dL/dy [n, rows, columns, k]; maybe by our own kernel. */
export function winogradFilter(
  m: number,
  x: Value,
  dy: Value,
  axes: readonly Axis[],
  native?: boolean,
): Value {
  const [rows, columns] = axes.map(a => tilesOf(a.output, m));
  const [places, batch, c, k] = [(m + 2) ** 2, x.shape[0], x.shape[3], dy.shape[3]];
  const low = axes.map(a => a.low);
  if (native) return nativeCall('winograd_filter_gradient', [x, dy], [3, 3, c, k], { how: [...low, 0] });
  const parts = partsOf(batch, places * batch * rows * columns * (c + k));
  const gradients = hlo.split(framed(dy, [0, 0], [rows * m, columns * m]), parts, 0);
  const sums = hlo.split(x, parts, 0).map((part, i) => {
    const tiled = hlo.reshape(gradients[i], [batch / parts, rows, m, columns, m, k]);
    const placed = hlo.reshape(hlo.transpose(tiled, [4, 2, 0, 1, 3, 5]), [
      m * m,
      (batch / parts) * rows * columns,
      k,
    ]);
    const d = multiplied(transposed(squared(TRANSFORMS[m].aT)), placed);
    // Transposed by an operation of its own: as part of the product it takes twice as long.
    const tiles = hlo.barrier(imageTiles(m, part, low, [rows, columns]));
    const filter = products(hlo.barrier(hlo.transpose(tiles, [0, 2, 1])), d, 2, 1);
    return multiplied(transposed(kernelMatrix(m)), filter);
  });
  return hlo.reshape(
    sums.reduce((a, b) => hlo.add(a, b)),
    [3, 3, c, k],
  );
}
