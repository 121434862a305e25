import * as tf from '@tensorflow/tfjs';
import { filterGradient, inputGradient } from './convGradients';

interface ConvAttributes {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dataFormat: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** A kernel written with TensorFlow.js ops: temporaries freed, its result handed over. */
function kernel(
  kernelName: string,
  compute: (inputs: Record<string, tf.TensorInfo>, attributes: never) => tf.Tensor,
): tf.KernelConfig {
  return {
    kernelName,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => compute(inputs as Record<string, tf.TensorInfo>, attrs as never)),
  };
}

/** The inputs of a kernel that an op runs are the op's tensors, though typed as mere infos. */
const tensor4d = (info: tf.TensorInfo) => info as tf.Tensor4D;

function convInfo(
  inputShape: readonly number[],
  filterShape: readonly number[],
  attributes: ConvAttributes,
): tf.backend_util.Conv2DInfo {
  if (attributes.dataFormat === 'NCHW')
    throw new Error('wasm: convolution gradients take NHWC images, not NCHW');
  return tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    attributes.strides,
    1, // TensorFlow.js differentiates no dilated convolution
    attributes.pad,
    attributes.dimRoundingMode,
  );
}

const trainingKernels: tf.KernelConfig[] = [
  kernel('Conv2DBackpropFilter', ({ x, dy }, attributes: ConvAttributes & { filterShape: number[] }) =>
    filterGradient(tensor4d(x), tensor4d(dy), convInfo(x.shape, attributes.filterShape, attributes)),
  ),
  kernel('Conv2DBackpropInput', ({ dy, filter }, attributes: ConvAttributes & { inputShape: number[] }) =>
    inputGradient(tensor4d(dy), tensor4d(filter), convInfo(attributes.inputShape, filter.shape, attributes)),
  ),
];

/** The kernels that this project adds to (or puts in place of) those of `@tensorflow/tfjs-backend-wasm`. */
export const wasmTrainingKernelNames: readonly string[] = trainingKernels.map(config => config.kernelName);

/** Registers them, once, after the package's own. */
export function registerWasmTrainingKernels(): void {
  for (const config of trainingKernels) {
    const present = tf.getKernel(config.kernelName, 'wasm');
    if (present?.kernelFunc === config.kernelFunc) continue;
    if (present) tf.unregisterKernel(config.kernelName, 'wasm');
    tf.registerKernel(config);
  }
}
