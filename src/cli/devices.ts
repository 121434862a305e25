import { Command } from 'commander';
import { listBackends } from '../backends';
import { listXlaDevices, type PluginDevices } from '../backends/devices';
import { jsonOption } from './options';

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** "2 × NVIDIA H100, 60.0 GiB each"; a CPU's devices are shares of the one processor, whose number says nothing. */
function hardware({ platform, devices }: PluginDevices): string {
  const kind = devices[0]?.kind ?? 'nothing';
  if (platform === 'cpu') return kind;
  const memory = devices[0]?.memory;
  return `${devices.length} × ${kind}${memory ? `, ${gigabytes(memory)} each` : ''}`;
}

/** "jax-cuda13-pjrt 0.12.0.1 (.venv): cuda, PJRT 0.115, 2 × NVIDIA H100, 60.0 GiB each" */
function pluginLine(plugin: PluginDevices): string {
  const { name, version, source, platform, api, native } = plugin;
  const own = native.bfloat16
    ? ', bf16 by AMX'
    : native.works
      ? ''
      : `, without kernels of our own: ${native.reason}`;
  return `${name} ${version ?? ''} (${source}): ${platform}, PJRT ${api}, ${hardware(plugin)}${platform === 'cpu' ? own : ''}`;
}

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
      for (const plugin of xla.plugins) console.log(`  ${pluginLine(plugin)}`);
      for (const { path, reason } of xla.passedOver) console.log(`  passed over: ${path}: ${reason}`);
    });
}
