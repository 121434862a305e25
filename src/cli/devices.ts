import { Command } from 'commander';
import { listBackends } from '../backends';
import { listXlaDevices, type PluginDevices } from '../backends/devices';
import { type CompilerTools } from '../xla/pjrt';
import { jsonOption } from './options';

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** "2 × NVIDIA H100, 60.0 GiB each" */
function hardware(devices: PluginDevices['devices']): string {
  const { kind = 'nothing', memory } = devices[0] ?? {};
  return `${devices.length} × ${kind}${memory ? `, ${gigabytes(memory)} each` : ''}`;
}

/** Of a CPU no number of devices is told: they are shares of the one processor. */
function ownKernels({ works, bfloat16, reason }: PluginDevices['native']): string | undefined {
  if (bfloat16) return 'bf16 by AMX';
  return works ? undefined : `without kernels of our own: ${reason}`;
}

/** "jax-cuda13-pjrt 0.12.0.1 (.venv): cuda, PJRT 0.115, 2 × NVIDIA H100, 60.0 GiB each" */
function pluginLine({ name, version, source, platform, api, devices, native }: PluginDevices): string {
  const what = platform === 'cpu' ? ownKernels(native) : hardware(devices);
  const facts = [platform, `PJRT ${api}`, what].filter(Boolean);
  return `${name} ${version ?? ''} (${source}): ${facts.join(', ')}`;
}

/** "ptxas and libdevice: /usr/local/cuda-12.9 (PATH)", or what is missing. */
const toolsLine = ({ folder, source, missing }: CompilerTools): string =>
  missing ?? `ptxas and libdevice: ${folder} (${source})`;

/** What is told of a plugin: a line, and on CUDA one more. */
export const pluginLines = (plugin: PluginDevices): string[] => [
  `  ${pluginLine(plugin)}`,
  ...(plugin.tools ? [`    ${toolsLine(plugin.tools)}`] : []),
];

/** `cifar devices` */
export function devicesCommand(): Command {
  return new Command('devices')
    .description('List the back ends, best first, and whether each can be used here.')
    .addOption(jsonOption())
    .action(async ({ json }: { json?: boolean }) => {
      const [backends, xla] = [await listBackends(), await listXlaDevices()];
      if (json) return console.log(JSON.stringify({ backends, xla }, null, 2));
      for (const backend of backends) {
        const state = backend.available === true ? `yes  ${backend.detail}` : `no   ${backend.reason}`;
        console.log(`${backend.name.padEnd(11)} ${state}`);
      }
      console.log('\nXLA plugins, the first is used:');
      for (const line of xla.plugins.flatMap(pluginLines)) console.log(line);
      for (const { path, reason } of xla.passedOver) console.log(`  passed over: ${path}: ${reason}`);
    });
}
