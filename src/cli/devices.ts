import { Command } from 'commander';
import { listBackends } from '../backends';
import { jsonOption } from './options';

/** `cifar devices` */
export function devicesCommand(): Command {
  return new Command('devices')
    .description('List the back ends, best first, and whether each can be used here.')
    .addOption(jsonOption())
    .action(async ({ json }: { json?: boolean }) => {
      const backends = await listBackends();
      if (json) return console.log(JSON.stringify(backends, null, 2));
      for (const backend of backends) {
        const state = backend.available === true ? `yes  ${backend.detail}` : `no   ${backend.reason}`;
        console.log(`${backend.name.padEnd(11)} ${state}`);
      }
    });
}
