/** Finds PJRT plugins: the file that PJRT_PLUGIN names, and those that pip put into the project's .venv. */
import * as fs from 'fs';
import * as path from 'path';
import { type Plugin } from './types';

/** Files that pip packages bring, in site-packages; best first. */
const KNOWN: readonly { file: string; name: string; kind: Plugin['kind'] }[] = [
  { file: 'jax_plugins/xla_cuda13/xla_cuda_plugin.so', name: 'jax-cuda13-pjrt', kind: 'cuda' },
  { file: 'jax_plugins/xla_cuda12/xla_cuda_plugin.so', name: 'jax-cuda12-pjrt', kind: 'cuda' },
  { file: 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so', name: 'lammps-jax-pjrt-cpu', kind: 'cpu' },
  { file: 'fastatomstruct_xla_cpu/libpjrt_cpu.so', name: 'fastatomstruct-xla-cpu', kind: 'cpu' },
  { file: 'xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so', name: 'xla-cpu-pjrt', kind: 'cpu' },
];

/** The nearest folder above this file that holds a package.json. */
function projectRoot(): string {
  for (let folder = __dirname; ; folder = path.dirname(folder)) {
    if (fs.existsSync(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) return process.cwd();
  }
}

function sitePackages(environment: string): string[] {
  const lib = path.join(environment, 'lib');
  if (!fs.existsSync(lib)) return [];
  return fs
    .readdirSync(lib)
    .filter(name => name.startsWith('python3'))
    .map(name => path.join(lib, name, 'site-packages'));
}

function kindOf(file: string): Plugin['kind'] {
  const name = path.basename(file);
  return (['cuda', 'rocm', 'tpu', 'cpu'] as const).find(kind => name.includes(kind)) ?? 'other';
}

/** Plugins, best first (GPU before CPU), and candidates that can't be used. Loads none. */
export function discoverPlugins(): { found: Plugin[]; passedOver: { path: string; reason: string }[] } {
  const passedOver: { path: string; reason: string }[] = [];
  const given = process.env.PJRT_PLUGIN;
  if (given) {
    if (fs.existsSync(given)) {
      return {
        found: [{ path: given, kind: kindOf(given), name: path.basename(given), source: 'PJRT_PLUGIN' }],
        passedOver,
      };
    }
    passedOver.push({ path: given, reason: 'PJRT_PLUGIN names a file that does not exist' });
  }
  const places = sitePackages(path.join(projectRoot(), '.venv'));
  const found = KNOWN.flatMap(({ file, name, kind }) =>
    places
      .map(place => path.join(place, file))
      .filter(candidate => fs.existsSync(candidate))
      .map(candidate => ({ path: candidate, kind, name, source: '.venv' })),
  );
  return { found, passedOver };
}
