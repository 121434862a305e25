/**
 * tf.linalg's decompositions, on the host.
 *
 * TensorFlow.js composes them of operations in a loop of which every round has shapes of its own, so that a program of thousands of operations,
 * no two alike, would be compiled: minutes for the orthogonal initializer of an LSTM. Where nothing is recorded – not under `jit`, not
 * in a gradient – they run on TensorFlow.js's `cpu` back end instead.
 */
import { type Tensor, engine, linalg, tensor, tidy } from '@tensorflow/tfjs-core';
import { XlaBackend } from '../backend';
import { HOST, hostBackend } from './host';

/** `f` of tensors with the same data on the host, its results back on the back end in use. */
function onHost<T extends Tensor>(f: (xs: Tensor[]) => T[], inputs: readonly Tensor[]): T[] {
  const instance = engine();
  const { backendName } = instance;
  const data = inputs.map(x => x.dataSync());
  hostBackend();
  // Both back ends are there already, so that this takes effect at once.
  void instance.setBackend(HOST);
  let results: { values: ReturnType<Tensor['dataSync']>; shape: number[]; dtype: Tensor['dtype'] }[] = [];
  try {
    tidy(() => {
      const copies = inputs.map(({ shape, dtype }, i) => tensor(data[i], shape, dtype));
      results = f(copies).map(y => ({ values: y.dataSync(), shape: y.shape, dtype: y.dtype }));
    });
  } finally {
    void instance.setBackend(backendName);
  }
  return results.map(({ values, shape, dtype }) => tensor(values, shape, dtype) as T);
}

/** Whether operations are only computed, and that on this back end. */
function computesOnly(): boolean {
  const { backend, state } = engine();
  return backend instanceof XlaBackend && !backend.tracing && state.gradientDepth === 0;
}

const { qr, gramSchmidt } = linalg;

linalg.qr = (x, fullMatrices) =>
  computesOnly() ? (onHost(([y]) => qr(y, fullMatrices), [x]) as [Tensor, Tensor]) : qr(x, fullMatrices);

linalg.gramSchmidt = xs => {
  if (!computesOnly()) return gramSchmidt(xs);
  if (Array.isArray(xs)) return onHost(ys => gramSchmidt(ys as typeof xs) as typeof xs, xs);
  return onHost(([y]) => [gramSchmidt(y as typeof xs) as typeof xs], [xs])[0];
};
