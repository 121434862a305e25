/** An XLA backend for TensorFlow.js: `await useXla()`, then any tfjs program runs on it; see README.md. */
import * as path from 'path';
import { engine, registerBackend, setBackend } from '@tensorflow/tfjs-core';
import { XlaBackend } from './backend';
import { deviceMemory } from './deviceArray';
import { XlaError } from './errors';
import { type CacheOptions, ExecutableCache } from './executableCache';
import { installedFor } from './folders';
import './kernels';
import { type Native, loadNative, nativeTypes } from './native';
import {
  type ClientOptions,
  type CompileOptions,
  type PassedOver,
  type Plugin,
  type PjrtDevice,
  PjrtClient,
  discoverPlugins,
  pluginAt,
} from './pjrt';
import { Runtime } from './runtime';

export { boundary } from './boundary';
export { debugNaNs } from './debug';
export { type CutOptions } from './hlo';
export { XlaError } from './errors';
export { type Jit, type JitOptions, jit, ready } from './jit';
export { type PrecisionPolicy, precisionPolicy, setPrecisionPolicy } from './kernels/precision';
export { scan } from './scan';
export { type Sharding } from './sharding';
export { kernelNames } from './kernels';
export { seedTensor, statelessNormal, statelessUniform } from './random';
export { uint8Tensor } from './uint8Tensor';
export { discoverPlugins, type Plugin } from './pjrt';

export interface XlaOptions {
  /** Path of a PJRT plugin; otherwise the best that is found. */
  readonly plugin?: string;
  /** Only plugins of this kind. */
  readonly kind?: Plugin['kind'];
  /** Options of the plugin's client, e.g. `{ memory_fraction: 0.9 }` on CUDA. */
  readonly clientOptions?: ClientOptions;
  /** Devices that a CPU plugin makes of the processor, for programs on several devices; they share its cores. */
  readonly cpuDevices?: number;
  /** XLA's flags for every program, e.g. `{ xla_cpu_enable_fast_math: true }`. */
  readonly flags?: CompileOptions['flags'];
  /** Where compiled programs are kept on disk; `false`: nowhere. XLA_CACHE=off shuts it off too. */
  readonly cache?: CacheOptions | false;
  /** Whether our own kernels (native/) are used on CPUs, where they work; also changes it for what is recorded from now on. Default true. */
  readonly native?: boolean;
}

/** What `useXla` set up. */
export interface XlaInfo {
  readonly plugin: Plugin;
  readonly platform: string;
  readonly platformVersion: string;
  readonly apiVersion: { readonly major: number; readonly minor: number };
  readonly devices: readonly PjrtDevice[];
  /** Whether the kernels of native/ can be used, and why not. */
  readonly native: Native;
  /** Plugins that were tried or seen before, and why they are not used. */
  readonly passedOver: readonly PassedOver[];
}

let current: { info: XlaInfo; backend: XlaBackend } | undefined;

/**
 * Makes `xla` the backend of tfjs, on the best plugin that works. A second call keeps the client that there is.
 * @throws XlaError when no plugin works, or the call names another one than is in use: tensors can't move between them
 */
export async function useXla(options: XlaOptions = {}): Promise<XlaInfo> {
  current ??= open(options);
  const { backend, info } = current;
  const other = options.plugin && path.resolve(options.plugin) !== path.resolve(info.plugin.path);
  if (other || (options.kind && options.kind !== info.plugin.kind))
    throw new XlaError(
      `This process computes on the plugin ${info.plugin.path} (${info.plugin.kind}) already: start another for ${options.plugin ?? options.kind}.`,
    );
  if (options.native !== undefined) backend.runtime.native = options.native ? nativeTypes(info.native) : [];
  if (!(engine().findBackend('xla') instanceof XlaBackend)) registerBackend('xla', () => backend, 10);
  await setBackend('xla');
  return info;
}

/** Counters of the engine: programs compiled, loaded from disk and run, milliseconds of the first two, device memory. */
export function xlaStats(): {
  compiled: number;
  loaded: number;
  executed: number;
  compileMs: number;
  bytes: number;
  arrays: number;
} {
  const stats = current?.backend.runtime.stats ?? { compiled: 0, loaded: 0, executed: 0, compileMs: 0 };
  return { ...stats, ...deviceMemory };
}

function makeRuntime(client: PjrtClient, { flags = {}, cache }: XlaOptions, native: Native): Runtime {
  const disk = cache !== false && process.env.XLA_CACHE !== 'off';
  return new Runtime(
    client,
    { flags },
    disk ? new ExecutableCache(client, cache) : undefined,
    nativeTypes(native),
  );
}

function clientOptions(plugin: Plugin, { cpuDevices, ...options }: XlaOptions): ClientOptions {
  const count: ClientOptions = plugin.kind === 'cpu' && cpuDevices ? { cpu_device_count: cpuDevices } : {};
  return { ...count, ...options.clientOptions };
}

function open(options: XlaOptions): { info: XlaInfo; backend: XlaBackend } {
  const { found, passedOver } = discoverPlugins();
  const failed = [...passedOver];
  const wanted: Plugin[] = options.plugin
    ? [found.find(p => p.path === path.resolve(options.plugin!)) ?? pluginAt(options.plugin, 'option')]
    : found.filter(p => !options.kind || p.kind === options.kind);
  for (const plugin of wanted) {
    try {
      const client = PjrtClient.create(plugin, clientOptions(plugin, options));
      const native = loadNative(client);
      const info: XlaInfo = {
        plugin,
        platform: client.platformName,
        platformVersion: client.platformVersion,
        apiVersion: client.apiVersion,
        devices: client.devices,
        native,
        passedOver: failed,
      };
      const backend = new XlaBackend(makeRuntime(client, options, native));
      process.once('exit', () => backend.finish()); // a process that ends while the plugin computes would crash
      return { info, backend };
    } catch (error) {
      failed.push({ path: plugin.path, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const reasons = failed.map(f => `${f.path}: ${f.reason}`).join('; ');
  const install = installedFor()
    ? "pip install --no-deps lammps-jax-pjrt-cpu into your project's .venv"
    : 'pip install --no-deps -r requirements-cpu.txt';
  throw new XlaError(
    `No XLA plugin works${reasons ? ` (${reasons})` : ''}. Install one: ${install}, or set PJRT_PLUGIN to a plugin's path.`,
  );
}
