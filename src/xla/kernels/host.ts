/**
 * Kernels that XLA has no program for: the size of the result depends on the data (Unique, Where), or the data are
 * strings. They run on the host, on TensorFlow.js's own `cpu` back end; under `jit` they are refused.
 */
import '@tensorflow/tfjs-backend-cpu';
import {
  type KernelConfig,
  type KernelFunc,
  type NamedTensorInfoMap,
  type TensorInfo,
  engine,
  getKernel,
  getKernelsForBackend,
  registerKernel,
} from '@tensorflow/tfjs-core';
import { type MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import { BACKEND, type XlaBackend } from '../backend';
import { XlaError } from '../errors';

/** Names of the kernels that run on the host. */
export const hostKernelNames: string[] = [];

export const HOST = 'cpu';

/** TensorFlow.js's back end on the host. */
export function hostBackend(): MathBackendCPU {
  const cpu = engine().findBackend(HOST) as MathBackendCPU;
  // Its advice to install a faster back end does not apply here.
  (cpu as unknown as { firstUse: boolean }).firstUse = false;
  return cpu;
}

/** Copies a tensor to the host's back end. */
function toHost(x: TensorInfo, xla: XlaBackend, cpu: MathBackendCPU): TensorInfo {
  const values = xla.readSync(x.dataId);
  if (x.dtype !== 'complex64') return cpu.makeTensorInfo(x.shape, x.dtype, values as never);
  const part = (offset: 0 | 1): TensorInfo => {
    const half = (values as Float32Array).filter((_, i) => i % 2 === offset);
    return cpu.makeTensorInfo(x.shape, 'float32', half);
  };
  const run = getKernel('Complex', HOST)!.kernelFunc;
  return run({ inputs: { real: part(0), imag: part(1) }, attrs: {}, backend: cpu }) as TensorInfo;
}

/** Runs a kernel of the `cpu` back end on tensors of this one. */
export function runOnHost(
  kernel: string,
  inputs: NamedTensorInfoMap,
  attrs: Parameters<KernelFunc>[0]['attrs'],
  xla: XlaBackend,
): TensorInfo | TensorInfo[] {
  if (xla.tracing) {
    throw new XlaError(
      `${kernel} cannot be part of a jit function: it runs on the host (its result's shape depends on the data, ` +
        'the data are strings, or it draws random numbers there). Call it outside, and give its result as an argument.',
    );
  }
  const config = getKernel(kernel, HOST);
  if (!config) throw new XlaError(`Kernel '${kernel}' not registered for backend '${BACKEND}'.`);
  const cpu = hostBackend();
  const moved = new Map<TensorInfo, TensorInfo>();
  const copy = (x: TensorInfo): TensorInfo => {
    // Some kernels expect a tensor's `rank` too.
    const known = moved.get(x) ?? Object.assign(toHost(x, xla, cpu), { rank: x.shape.length });
    moved.set(x, known);
    return known;
  };
  // An input may be a list (RaggedGather's splits), and the inputs themselves may be one (Concat).
  const copyOf = (x: TensorInfo | TensorInfo[]): unknown => (Array.isArray(x) ? x.map(copy) : copy(x));
  const named = Object.entries(inputs).flatMap(([name, x]) => (x ? [[name, copyOf(x)] as const] : []));
  const copies: unknown = Array.isArray(inputs) ? named.map(([, x]) => x) : Object.fromEntries(named);
  const results = config.kernelFunc({ inputs: copies as NamedTensorInfoMap, attrs, backend: cpu });
  const back = (y: TensorInfo): TensorInfo => {
    const dataId = xla.write(cpu.readSync(y.dataId), y.shape, y.dtype);
    return { dataId, shape: y.shape, dtype: y.dtype };
  };
  const made = Array.isArray(results) ? results : [results];
  const outputs = made.map(back);
  for (const info of new Set([...moved.values(), ...made])) cpu.disposeIntermediateTensorInfo(info);
  return Array.isArray(results) ? outputs : outputs[0];
}

/** Registers a host version of every kernel of the `cpu` back end that has no lowering. */
export function registerHostKernels(): readonly string[] {
  for (const { kernelName } of getKernelsForBackend(HOST)) {
    if (getKernel(kernelName, BACKEND)) continue;
    hostKernelNames.push(kernelName);
    const config: KernelConfig = {
      kernelName,
      backendName: BACKEND,
      kernelFunc: ({ inputs, attrs, backend }) => runOnHost(kernelName, inputs, attrs, backend as XlaBackend),
    };
    registerKernel(config);
  }
  return hostKernelNames;
}
