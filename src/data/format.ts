/** The facts of CIFAR-10: sizes, class names, per-channel statistics and check sums (Krizhevsky, 2009). */

/** The ten classes, in the order of the labels 0…9. */
export const CLASS_NAMES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

/** Pixels along an image's side. */
export const IMAGE_SIZE = 32;
/** Red, green, blue. */
export const CHANNELS = 3;
/** Bytes of one image, 32 × 32 × 3. */
export const IMAGE_BYTES = IMAGE_SIZE * IMAGE_SIZE * CHANNELS;
/** Images in one batch file, whichever the packaging. */
export const BATCH_IMAGES = 10_000;

/** Mean of each channel over the training set, pixels scaled to 0…1. */
export const MEAN: readonly [number, number, number] = [0.4914, 0.4822, 0.4465];
/**
 * The divisor by channel that the published CIFAR recipes share. It is the mean over images of each image's own
 * standard deviation, and smaller than the deviation over all pixels, (0.24703, 0.24349, 0.26159).
 */
export const STD: readonly [number, number, number] = [0.2023, 0.1994, 0.201];

/** One part of the data set: what it is cached as, and what it must hash to. */
export interface SplitFormat {
  readonly name: 'train' | 'test';
  /** Number of images. */
  readonly count: number;
  /** Names of the batches that it is made of, in order, without extension. */
  readonly batches: readonly string[];
  /** sha256 of the images as raw bytes, `[count, 32, 32, 3]`. */
  readonly imagesSha256: string;
  /** sha256 of the labels, a byte each. */
  readonly labelsSha256: string;
}

export const TRAIN: SplitFormat = {
  name: 'train',
  count: 50_000,
  batches: ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5'],
  imagesSha256: '47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a',
  labelsSha256: '2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253',
};

export const TEST: SplitFormat = {
  name: 'test',
  count: 10_000,
  batches: ['test_batch'],
  imagesSha256: 'f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04',
  labelsSha256: 'cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5',
};
