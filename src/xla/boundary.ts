/** Where a long program may be cut. */
import { type Tensor, engine, getBackend, getKernel, registerGradient } from '@tensorflow/tfjs-core';

/**
 * The tensor itself. Between two boundaries lies what repeats in a deep network, a block: `jit` cuts long functions there, forward
 * and backward, and compiles what is equal once. On back ends without the kernel, nothing.
 *
 * @param x what goes from one block to the next; best the only thing that does
 */
export function boundary<T extends Tensor>(x: T): T {
  return getKernel('Boundary', getBackend()) ? engine().runKernel<T>('Boundary', { x }) : x;
}

// The gradient is stored as `x` is: where that is bf16, a loss in f32 would make all gradients of a residual network f32.
registerGradient({
  kernelName: 'Boundary',
  inputsToSave: ['x'],
  gradFunc: (dy, [like]) => ({ x: () => engine().runKernel('Boundary', { x: dy as Tensor, like }) }),
});
