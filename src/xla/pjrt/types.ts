/** What the binding's parts share. */
import { type NamedValue } from './namedValues';

/** Element types in the order of PJRT_Buffer_Type; index + 1 is the C value. */
export const PJRT_TYPES = [
  ...(['pred', 's8', 's16', 's32', 's64', 'u8', 'u16', 'u32', 'u64'] as const),
  ...(['f16', 'f32', 'f64', 'bf16', 'c64'] as const),
];
export type PjrtType = (typeof PJRT_TYPES)[number];

/** Bytes of one element. */
export const TYPE_BYTES: Record<PjrtType, number> = {
  ...{ pred: 1, s8: 1, s16: 2, s32: 4, s64: 8, u8: 1, u16: 2, u32: 4, u64: 8 },
  ...{ f16: 2, f32: 4, f64: 8, bf16: 2, c64: 8 },
};

/** A PJRT plugin on disk. */
export interface Plugin {
  path: string;
  kind: 'cpu' | 'cuda' | 'rocm' | 'tpu' | 'other';
  /** The pip package, or the file's name. */
  name: string;
  /** Where it was found: 'PJRT_PLUGIN', '.venv', a Python environment's folder. */
  source: string;
  /** The pip package's version, where there is one. */
  version?: string;
}

/** Options of a plugin's client by name, e.g. `{ memory_fraction: 0.9, preallocate: true }` on CUDA. */
export type ClientOptions = Readonly<Record<string, NamedValue>>;

/** A plugin, or what was taken for one, that is not used. */
export interface PassedOver {
  readonly path: string;
  /** One line. */
  readonly reason: string;
}

/** A device that programs run on. */
export interface PjrtDevice {
  readonly id: number;
  /** The hardware's name, e.g. 'cpu', 'NVIDIA H100'. */
  readonly kind: string;
  readonly description: string;
}

/** Bytes of a device's memory, as the plugin's allocator counts them. */
export interface DeviceMemory {
  readonly inUse: number;
  readonly peak?: number;
  /** What the allocator may take at most. */
  readonly limit?: number;
}
