/** Bytes as a tensor. */
import { type Tensor, engine, tensor, util } from '@tensorflow/tfjs-core';
import { XlaBackend } from './backend';
import { XlaError } from './errors';

/**
 * A tensor of bytes, dtype int32 to tfjs. On the backend `xla` it takes one byte an element on the device: a data set
 * of images fits where it is used. Kernels that only move data (gather, slice, crop) move bytes; others see int32.
 * @throws XlaError when the shape is not that of so many bytes
 */
export function uint8Tensor(data: Uint8Array, shape: number[]): Tensor {
  if (util.sizeFromShape(shape) !== data.length)
    throw new XlaError(`uint8Tensor: ${data.length} bytes are no tensor of shape [${shape}].`);
  const backend = engine().backend;
  if (!(backend instanceof XlaBackend)) return tensor(Int32Array.from(data), shape, 'int32');
  const value = backend.fromHost(data, shape, 'u8');
  return engine().makeTensorFromTensorInfo(backend.makeTensorInfo(value, 'int32'));
}
