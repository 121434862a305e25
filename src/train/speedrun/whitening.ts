/** The first layer's filters (Jordan 2024, section 3.2): patches of images, decorrelated and scaled to unit variance. */
import * as tf from '@tensorflow/tfjs';
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { PATCH } from '../../models/airbench';

const SIZE = 3 * PATCH ** 2;
const EPSILON = 5e-4;

/**
 * Mean product of each two values of a 2×2 patch, over all patches.
 * @param images normalized, `[n, h, w, 3]`
 * @returns `[12, 12]`; a patch's values in the order of a kernel's rows: y, x, channel
 */
export function patchCovariance(images: tf.Tensor4D): tf.Tensor2D {
  return tf.tidy(() => {
    const [count, height, width] = images.shape;
    const [rows, columns] = [height - PATCH + 1, width - PATCH + 1];
    const corners: tf.Tensor[] = [];
    for (let y = 0; y < PATCH; y++) {
      for (let x = 0; x < PATCH; x++) corners.push(images.slice([0, y, x, 0], [count, rows, columns, 3]));
    }
    const patches = tf.concat(corners, 3).reshape([-1, SIZE]) as tf.Tensor2D;
    return tf.matMul(patches, patches, true).div(count * rows * columns) as tf.Tensor2D;
  });
}

/**
 * Kernel of the whitening convolution: the eigenvectors of the covariance, each divided by the root of its eigenvalue, and their
 * negatives.
 * @param covariance `[12, 12]`, row by row
 * @returns `[2, 2, 3, 24]`, row-major
 */
export function whiteningKernel(covariance: ArrayLike<number>): Float32Array {
  const matrix = Matrix.from1DArray(SIZE, SIZE, Array.from(covariance));
  const { realEigenvalues: values, eigenvectorMatrix: vectors } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  const kernel = new Float32Array(SIZE * 2 * SIZE);
  for (let filter = 0; filter < SIZE; filter++) {
    const scale = 1 / Math.sqrt(values[filter] + EPSILON);
    for (let i = 0; i < SIZE; i++) {
      const value = vectors.get(i, filter) * scale;
      kernel[i * 2 * SIZE + filter] = value;
      kernel[i * 2 * SIZE + SIZE + filter] = -value;
    }
  }
  return kernel;
}
