/** What `cifar devices` shows of XLA: plugins, the devices behind each, and why a plugin was passed over. */
import { type Native } from '../xla/native';
import { type CompilerTools, type PjrtClient, type Plugin } from '../xla/pjrt';
import { firstLine } from './backend';

/** A device of a plugin. */
export interface Device {
  /** The hardware's name, e.g. "cpu", "NVIDIA H100". */
  kind: string;
  description: string;
  /** Bytes that the plugin's allocator may take; undefined where the plugin doesn't say (CPU). */
  memory?: number;
}

/** A plugin that works here. */
export interface PluginDevices {
  name: string;
  path: string;
  /** Where it was found: '.venv', 'PJRT_PLUGIN', … */
  source: string;
  /** Of the pip package; undefined for a file that none brought. */
  version?: string;
  platform: string;
  platformVersion: string;
  /** Of the PJRT C API, e.g. "0.115". */
  api: string;
  /** Of StableHLO, e.g. "1.20.0"; undefined where the plugin doesn't say. */
  stablehlo?: string;
  devices: Device[];
  /** Whether convolutions are computed by kernels of our own (CPU), and why not. */
  native: Native;
  /** What XLA's compiler for CUDA takes beside itself; undefined for other platforms. */
  tools?: CompilerTools;
}

export interface XlaDevices {
  /** Best first: the first is the one that is used. */
  plugins: PluginDevices[];
  passedOver: { path: string; reason: string }[];
}

/** Opens every plugin that is found, one after the other, takes none of a GPU's memory ahead, and closes it again. */
export async function listXlaDevices(): Promise<XlaDevices> {
  const { compilerTools, discoverPlugins, PjrtClient } = await import('../xla/pjrt');
  const { loadNative } = await import('../xla/native');
  const { found, passedOver } = discoverPlugins();
  const list: XlaDevices = { plugins: [], passedOver: [...passedOver] };
  for (const plugin of found) {
    const gpu = plugin.kind === 'cuda' || plugin.kind === 'rocm';
    try {
      const client = PjrtClient.create(plugin, gpu ? { preallocate: false } : {});
      try {
        list.plugins.push(describe(plugin, client, loadNative(client), compilerTools(plugin)));
      } finally {
        client.close();
      }
    } catch (error) {
      list.passedOver.push({ path: plugin.path, reason: firstLine(error) });
    }
  }
  return list;
}

function describe(
  { name, path, source, version }: Plugin,
  client: PjrtClient,
  native: Native,
  tools: CompilerTools | undefined,
): PluginDevices {
  const { major, minor } = client.apiVersion;
  const stablehlo = client.attributes.stablehlo_current_version;
  return {
    ...{ name, path, source, version },
    ...{ platform: client.platformName, platformVersion: client.platformVersion },
    api: `${major}.${minor}`,
    stablehlo: Array.isArray(stablehlo) ? stablehlo.join('.') : undefined,
    devices: client.devices.map(({ kind, description }, i) => ({
      ...{ kind, description },
      memory: client.deviceMemory(i)?.limit,
    })),
    native,
    tools,
  };
}
