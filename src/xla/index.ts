/** An XLA backend for TensorFlow.js: `await useXla()`, then any tfjs program runs on it; see README.md. */
import { engine, registerBackend, setBackend } from '@tensorflow/tfjs-core';
import { XlaBackend } from './backend';
import { deviceMemory } from './deviceArray';
import { XlaError } from './errors';
import './kernels';
import { type Plugin, type PjrtDevice, PjrtClient, discoverPlugins } from './pjrt';
import { Runtime } from './runtime';

export { debugNaNs } from './debug';
export { XlaError } from './errors';
export { type Jit, type JitOptions, jit } from './jit';
export { type PrecisionPolicy, precisionPolicy, setPrecisionPolicy } from './kernels/precision';
export { scan } from './scan';
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
  readonly clientOptions?: Record<string, string | number | boolean | number[]>;
}

/** What `useXla` set up. */
export interface XlaInfo {
  readonly plugin: Plugin;
  readonly platform: string;
  readonly platformVersion: string;
  readonly apiVersion: { readonly major: number; readonly minor: number };
  readonly devices: readonly PjrtDevice[];
  /** Plugins that were tried or seen before, and why they are not used. */
  readonly passedOver: readonly { readonly path: string; readonly reason: string }[];
}

let current: { info: XlaInfo; backend: XlaBackend } | undefined;

/** Makes `xla` the backend of tfjs, on the best plugin that works. A second call keeps the client that there is. */
export async function useXla(options: XlaOptions = {}): Promise<XlaInfo> {
  const fits = current && (!options.plugin || options.plugin === current.info.plugin.path);
  if (!current || !fits || (options.kind && options.kind !== current.info.plugin.kind))
    current = open(options);
  const { backend, info } = current;
  if (!(engine().findBackend('xla') instanceof XlaBackend)) registerBackend('xla', () => backend, 10);
  await setBackend('xla');
  return info;
}

/** Counters of the engine: programs compiled and run, seconds of compilation, memory on the device. */
export function xlaStats(): {
  compiled: number;
  executed: number;
  compileMs: number;
  bytes: number;
  arrays: number;
} {
  const stats = current?.backend.runtime.stats ?? { compiled: 0, executed: 0, compileMs: 0 };
  return { ...stats, ...deviceMemory };
}

function open(options: XlaOptions): { info: XlaInfo; backend: XlaBackend } {
  const { found, passedOver } = discoverPlugins();
  const failed = [...passedOver];
  const wanted: Plugin[] = options.plugin
    ? [
        found.find(p => p.path === options.plugin) ?? {
          path: options.plugin,
          kind: 'other',
          name: 'given',
          source: 'option',
        },
      ]
    : found.filter(p => !options.kind || p.kind === options.kind);
  for (const plugin of wanted) {
    try {
      const client = PjrtClient.create(plugin, options.clientOptions);
      const info: XlaInfo = {
        plugin,
        platform: client.platformName,
        platformVersion: client.platformVersion,
        apiVersion: client.apiVersion,
        devices: client.devices,
        passedOver: failed,
      };
      return { info, backend: new XlaBackend(new Runtime(client)) };
    } catch (error) {
      failed.push({ path: plugin.path, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  const reasons = failed.map(f => `${f.path}: ${f.reason}`).join('; ');
  throw new XlaError(
    `No XLA plugin works${reasons ? ` (${reasons})` : ''}. Install one: pip install -r requirements.txt, or set PJRT_PLUGIN to a plugin's path.`,
  );
}
