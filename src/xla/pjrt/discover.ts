/** Finds PJRT plugins: the file that PJRT_PLUGIN names, and what pip put into the Python environments around. */
import * as fs from 'fs';
import * as path from 'path';
import { type PackageFolder, packageFolders, packageVersion } from './environments';
import { missingHardware } from './hardware';
import { type PassedOver, type Plugin } from './types';

type Kind = Plugin['kind'];

/** Files that pip packages bring, relative to the packages' folder; of one kind, best first. */
const PACKAGES: readonly { readonly file: string; readonly name: string; readonly kind: Kind }[] = [
  { file: 'libtpu/libtpu.so', name: 'libtpu', kind: 'tpu' },
  { file: 'lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so', name: 'lammps-jax-pjrt-cpu', kind: 'cpu' },
  { file: 'fastatomstruct_xla_cpu/libpjrt_cpu.so', name: 'fastatomstruct-xla-cpu', kind: 'cpu' },
  { file: 'xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so', name: 'xla-cpu-pjrt', kind: 'cpu' },
];

/** Best first: an accelerator before the processor. */
const ORDER: readonly Kind[] = ['cuda', 'rocm', 'tpu', 'other', 'cpu'];

function kindOf(file: string): Kind {
  const name = path.basename(file);
  return (['cuda', 'rocm', 'tpu', 'cpu'] as const).find(kind => name.includes(kind)) ?? 'other';
}

/**
 * JAX's plugins: each a folder in `jax_plugins` with a library, the newest CUDA or ROCm first. `xla_cuda13` is the package
 * jax-cuda13-pjrt.
 */
function jaxPlugins({ folder, source }: PackageFolder): Plugin[] {
  const root = path.join(folder, 'jax_plugins');
  if (!fs.existsSync(root)) return [];
  const modules = fs.readdirSync(root).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return modules.flatMap(module => {
    const place = path.join(root, module);
    if (!fs.statSync(place, { throwIfNoEntry: false })?.isDirectory()) return [];
    const files = fs.readdirSync(place).filter(file => /(plugin|pjrt).*\.(so|dylib)$/.test(file));
    return files.map(file => {
      const name = module.replace(/^xla_(.*)$/, 'jax-$1-pjrt').replace(/_/g, '-');
      const version = packageVersion(folder, name);
      return { path: path.join(place, file), kind: kindOf(file), name, source, version };
    });
  });
}

function knownPackages({ folder, source }: PackageFolder): Plugin[] {
  return PACKAGES.filter(({ file }) => fs.existsSync(path.join(folder, file))).map(
    ({ file, name, kind }) => ({
      ...{ path: path.join(folder, file), kind, name, source },
      version: packageVersion(folder, name),
    }),
  );
}

/** The plugin in a file that a person named; its kind is told by the name. */
export function pluginAt(file: string, source: string): Plugin {
  return { path: path.resolve(file), kind: kindOf(file), name: path.basename(file), source };
}

/**
 * Plugins, best first, and those that can't be used here. Looks at files and loads none.
 *
 * PJRT_PLUGIN, a path, comes first and alone. Otherwise: the project's `.venv`, VIRTUAL_ENV, CONDA_PREFIX, the `python3`
 * on PATH, the user's packages, the folders of PYTHONPATH. A plugin whose hardware isn't here is passed over.
 */
export function discoverPlugins(): { found: Plugin[]; passedOver: PassedOver[] } {
  const passedOver: PassedOver[] = [];
  const given = process.env.PJRT_PLUGIN;
  if (given) {
    if (fs.existsSync(given)) return { found: [pluginAt(given, 'PJRT_PLUGIN')], passedOver };
    passedOver.push({ path: given, reason: 'PJRT_PLUGIN names a file that does not exist' });
  }
  const folders = packageFolders();
  const all = folders.flatMap(folder => [...jaxPlugins(folder), ...knownPackages(folder)]);
  const found: Plugin[] = [];
  for (const kind of ORDER) {
    for (const plugin of all.filter(candidate => candidate.kind === kind)) {
      const reason = missingHardware(kind);
      if (reason) passedOver.push({ path: plugin.path, reason });
      else found.push(plugin);
    }
  }
  return { found, passedOver };
}
