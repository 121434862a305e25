import * as tf from '@tensorflow/tfjs';
import { type Backend, setAndVerify } from './backend';
import { registerWasmTrainingKernels } from './wasm/kernels';

/** TensorFlow.js's WebAssembly back end (XNNPACK, SIMD, one thread under Node), completed with the kernels training needs. */
export const wasmBackend: Backend = {
  name: 'wasm',
  summary: 'WebAssembly (XNNPACK)',
  async check() {
    try {
      require.resolve('@tensorflow/tfjs-backend-wasm');
      return { available: true, detail: 'WebAssembly, one thread' };
    } catch {
      return { available: false, reason: '@tensorflow/tfjs-backend-wasm is not installed: run npm install' };
    }
  },
  async start() {
    await import('@tensorflow/tfjs-backend-wasm');
    registerWasmTrainingKernels();
    await setAndVerify('wasm');
    const simd = await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
    return { kind: 'cpu', device: `WebAssembly ${simd ? 'with SIMD ' : ''}on one core` };
  },
};
