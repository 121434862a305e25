/** Bytes as a tensor. */
import { type Tensor, engine, tensor } from '@tensorflow/tfjs-core';
import { XlaBackend } from './backend';

/**
 * A tensor of bytes, dtype int32 to tfjs. On the backend `xla` it takes one byte an element on the device: a data set
 * of images fits where it is used. Kernels that only move data (gather, slice, crop) move bytes; others see int32.
 */
export function uint8Tensor(data: Uint8Array, shape: number[]): Tensor {
  const backend = engine().backend;
  if (!(backend instanceof XlaBackend)) return tensor(Int32Array.from(data), shape, 'int32');
  const value = backend.fromHost(data, shape, 'u8');
  return engine().makeTensorFromTensorInfo(backend.makeTensorInfo(value, 'int32'));
}
