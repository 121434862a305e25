/** How a kernel is written: a function from values (and attributes) to values. */
import {
  type DataType,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  type TensorInfo,
  registerKernel,
} from '@tensorflow/tfjs-core';
import { BACKEND, type XlaBackend } from '../backend';
import { checkOutputs, debugsNaNs } from '../debug';
import { type Lower, type Results, attributesText } from '../deferred';
import { XlaError } from '../errors';
import { type DType, type Value, convert } from '../hlo';
import { runOnHost } from './host';
import { precisionPolicy, underPolicy } from './precision';

/** Inputs of a kernel by name; kernels over lists (Concat, Pack, AddN) find them as `0`, `1`, … through `list`. */
export type Inputs = Record<string, Value>;

export interface Context {
  readonly backend: XlaBackend;
  /** tfjs dtypes of the inputs. */
  readonly dtypes: Record<string, DataType>;
  /** Platform that the program will run on, as the plugin names it: 'cpu', 'cuda', … */
  readonly platform: string;
  /** Element types that the kernels of ../native compute with; none: it may not call them. */
  readonly native: readonly DType[];
}

export type Lowering<A> = (inputs: Inputs, attrs: A, context: Context) => Value | readonly Value[];

export interface KernelOptions<A> {
  /** The kernel only moves data: inputs come as they are stored (bytes of a `uint8Tensor`), results stay so. */
  readonly storage?: boolean;
  /**
   * Called first, each time and with the values themselves: to check data that the host holds, or to bring data of its own. What it gives is
   * the kernel's result. Where that is nothing the lowering follows, which must see no more of its inputs than their types.
   */
  readonly atCall?: (...call: Parameters<Lowering<A>>) => ReturnType<Lowering<A>> | undefined;
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

/** A kernel's inputs, and its lowering as a function of their values. */
class KernelCall<A> {
  private readonly names: readonly string[];
  readonly infos: readonly TensorInfo[];
  readonly operands: readonly Value[];
  private readonly context: Context;

  constructor(
    private readonly lower: Lowering<A>,
    private readonly options: KernelOptions<A>,
    inputs: NamedTensorInfoMap,
    backend: XlaBackend,
  ) {
    this.names = Object.keys(inputs).filter(key => inputs[key]);
    this.infos = this.names.map(key => inputs[key]!);
    this.operands = this.infos.map(info => backend.getValue(info));
    const dtypes = Object.fromEntries(this.names.map((key, i) => [key, this.infos[i].dtype]));
    const { platform, native } = backend.runtime;
    // A program may be written for another platform than the client's.
    this.context = { backend, dtypes, platform, native: platform === 'cpu' ? native : [] };
  }

  /** What the lowering depends on beside attributes and the values' types. */
  get key(): string {
    const dtypes = this.names.map((key, i) => `${key}:${this.infos[i].dtype}`);
    const { platform, native } = this.context;
    return `${platform} ${native.join('+')} ${precisionPolicy()} ${dtypes.join()}`;
  }

  atCall(attrs: A): ReturnType<Lowering<A>> | undefined {
    const { names, operands, options, context } = this;
    return options.atCall?.(inputsOf(names, operands, options), attrs, context);
  }

  /** Computes by the policy that holds now, whenever it is called. Holds no operand: it outlives the call. */
  lowering(attrs: A): Lower {
    const { names, lower, context, options } = this;
    const policy = precisionPolicy();
    return values => underPolicy(policy, () => lower(inputsOf(names, values, options), attrs, context));
  }
}

function inputsOf(
  names: readonly string[],
  values: readonly Value[],
  { storage }: { storage?: boolean },
): Inputs {
  const given = (v: Value): Value => (storage || v.dtype !== 'u8' ? v : convert(v, 's32'));
  return Object.fromEntries(names.map((name, i) => [name, given(values[i])]));
}

/** Names of the kernels that have a lowering, in order of definition. */
export const kernelNames: string[] = [];

/** Kernels of an order that complex numbers have not: XLA would compare their parts, or end the process. */
const ORDERED: ReadonlySet<string> = new Set(
  (
    'Less LessEqual Greater GreaterEqual Maximum Minimum Max Min ArgMax ArgMin Relu Relu6 LeakyRelu Prelu Elu Selu Step Sign ClipByValue ' +
    'Floor Ceil Round Mod FloorDiv TopK SearchSorted MaxPool MaxPool3D MaxPoolWithArgmax ResizeBilinear'
  ).split(' '),
);

/** Registers the lowering of a tfjs kernel. */
export function define<A = NamedAttrMap>(
  name: string,
  lower: Lowering<A>,
  options: KernelOptions<A> = {},
): void {
  kernelNames.push(name);
  registerKernel({
    kernelName: name,
    backendName: BACKEND,
    kernelFunc: ({ inputs, attrs, backend }) => {
      const xla = backend as XlaBackend;
      if (Object.values(inputs).some(x => x?.dtype === 'string')) return runOnHost(name, inputs, attrs, xla);
      if (ORDERED.has(name) && Object.values(inputs).some(x => x?.dtype === 'complex64'))
        throw new XlaError(`${name} does not support complex64 tensors.`);
      xla.beforeKernel();
      const call = new KernelCall(lower, options, inputs, xla);
      const given = (attrs ?? {}) as A;
      const deferred = (): Results | undefined =>
        xla.tracing || debugsNaNs()
          ? undefined
          : xla.calls.defer(`${name} ${call.key} ${attributesText(given)}`, call.operands, () =>
              call.lowering(structuredClone(given)),
            );
      const result = call.atCall(given) ?? deferred() ?? call.lowering(given)(call.operands);
      const info = (v: Value): TensorInfo => xla.makeTensorInfo(v, TFJS_TYPES[v.dtype]!);
      const outputs = result instanceof Array ? result.map(info) : info(result as Value);
      if (debugsNaNs() && !xla.tracing) checkOutputs(name, call.infos, [outputs].flat(), xla);
      return outputs;
    },
  });
}

/** The inputs of a kernel over a list. */
export function listOf(inputs: Inputs): Value[] {
  return Object.keys(inputs).map(key => inputs[key]);
}
