/** How a kernel is written: a function from values (and attributes) to values. */
import { type DataType, type NamedAttrMap, type TensorInfo, registerKernel } from '@tensorflow/tfjs-core';
import { BACKEND, type XlaBackend } from '../backend';
import { checkOutputs, debugsNaNs } from '../debug';
import { type DType, type Value, convert } from '../hlo';
import { runOnHost } from './host';

/** Inputs of a kernel by name; kernels over lists (Concat, Pack, AddN) find them as `0`, `1`, … through `list`. */
export type Inputs = Record<string, Value>;

export interface Context {
  readonly backend: XlaBackend;
  /** tfjs dtypes of the inputs. */
  readonly dtypes: Record<string, DataType>;
  /** Platform that the program will run on, as the plugin names it: 'cpu', 'cuda', … */
  readonly platform: string;
}

export type Lowering<A> = (inputs: Inputs, attrs: A, context: Context) => Value | readonly Value[];

export interface KernelOptions {
  /** The kernel only moves data: inputs come as they are stored (bytes of a `uint8Tensor`), results stay so. */
  readonly storage?: boolean;
}

const TFJS_TYPES: Partial<Record<DType, DataType>> = {
  f32: 'float32',
  bf16: 'float32',
  f16: 'float32',
  s32: 'int32',
  u8: 'int32',
  pred: 'bool',
  c64: 'complex64',
};

/** Names of the kernels that have a lowering, in order of definition. */
export const kernelNames: string[] = [];

/** Registers the lowering of a tfjs kernel. */
export function define<A = NamedAttrMap>(
  name: string,
  lower: Lowering<A>,
  options: KernelOptions = {},
): void {
  kernelNames.push(name);
  registerKernel({
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const xla = backend as XlaBackend;
      if (Object.values(inputs).some(x => x?.dtype === 'string')) return runOnHost(name, inputs, attrs, xla);
      xla.beforeKernel();
      const values: Inputs = {};
      const dtypes: Record<string, DataType> = {};
      for (const key of Object.keys(inputs)) {
        const info = inputs[key];
        if (!info) continue;
        const value = xla.getValue(info);
        values[key] = options.storage || value.dtype !== 'u8' ? value : convert(value, 's32');
        dtypes[key] = info.dtype;
      }
      const { platform } = xla.runtime;
      const result = lower(values, (attrs ?? {}) as A, { backend: xla, dtypes, platform });
      const info = (v: Value): TensorInfo => xla.makeTensorInfo(v, TFJS_TYPES[v.dtype]!);
      const outputs = result instanceof Array ? result.map(info) : info(result as Value);
      if (debugsNaNs() && !xla.tracing) {
        const given = Object.values(inputs).filter((x): x is TensorInfo => x !== undefined);
        checkOutputs(name, given, [outputs].flat(), xla);
      }
      return outputs;
    },
  });
}

/** The inputs of a kernel over a list. */
export function listOf(inputs: Inputs): Value[] {
  return Object.keys(inputs).map(key => inputs[key]);
}
