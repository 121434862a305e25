/**
 * What XLA's compiler for NVIDIA GPUs does not bring along: `ptxas`, NVIDIA's assembler, and libdevice, a library of functions such as
 * `exp`. JAX's packages come with them; an environment made for PyTorch has the libraries of NVIDIA's and not these two.
 */
import * as fs from 'fs';
import * as path from 'path';
import { cacheFolder } from '../folders';
import { type CompileOptions } from './compileOptions';
import { entriesOf, packageFolders } from './environments';
import { type Plugin } from './types';
import { environmentFlags } from './xlaFlags';

/** XLA's flag for the folder. */
export const CUDA_FOLDER_FLAG = 'xla_gpu_cuda_data_dir';

const PTXAS = path.join('bin', 'ptxas');
const LIBDEVICE = path.join('nvvm', 'libdevice', 'libdevice.10.bc');

/** Where pip puts them, under `nvidia` in a folder of packages, and the packages. */
const PIP = {
  12: { folder: 'cuda_nvcc', packages: 'nvidia-cuda-nvcc-cu12' },
  13: { folder: 'cu13', packages: 'nvidia-cuda-nvcc nvidia-nvvm' },
} as const;

/** A folder that has `bin/ptxas` and `nvvm/libdevice/libdevice.10.bc`. */
export interface CudaTools {
  readonly folder: string;
  /** What led there: 'XLA_FLAGS', 'CUDA_ROOT', 'pip', 'CUDA_HOME', 'PATH', 'system', 'Triton'. */
  readonly source: string;
}

/** The same as is told to a person: where the tools are, and what to do where some are missing. */
export interface CompilerTools extends Partial<CudaTools> {
  /** A sentence. */
  readonly missing?: string;
}

/** The CUDA that a plugin is for. */
export const cudaVersion = (plugin: Plugin): 12 | 13 =>
  /cuda-?12/.test(path.basename(path.dirname(plugin.path))) ? 12 : 13;

/** Folders of Python packages, the one that a plugin is in first: …/site-packages/jax_plugins/xla_cuda13/. */
export function packagesAround(plugin: Plugin): string[] {
  const own = path.resolve(path.dirname(plugin.path), '..', '..');
  return [...new Set([own, ...packageFolders().map(({ folder }) => folder)])];
}

const lackingIn = (folder: string): string[] =>
  [PTXAS, LIBDEVICE].filter(file => !fs.existsSync(path.join(folder, file)));

/**
 * The folder that XLA's compiler is told to take its tools from; undefined where none has both. XLA itself finds `ptxas` on the PATH, but libdevice
 * only in this folder, CUDA_HOME, /usr/local/cuda, /opt/cuda and pip's package beside the plugin.
 *
 * What XLA_FLAGS says holds, whatever is there. Otherwise, as in JAX, CUDA_ROOT and then pip's package, whose version is the plugin's, come
 * before CUDA_HOME, which may be set for another program's sake.
 * @param root in place of `/`, for tests
 */
export function cudaTools(plugin: Plugin, root = '/'): CudaTools | undefined {
  const { [CUDA_FOLDER_FLAG]: given } = environmentFlags();
  if (given !== undefined) return { folder: given, source: 'XLA_FLAGS' };
  for (const tools of candidates(plugin, root)) if (lackingIn(tools.folder).length === 0) return tools;
  return undefined;
}

/** Where the tools may lie, best first. */
function* candidates(plugin: Plugin, root: string): Generator<CudaTools> {
  const { CUDA_ROOT, CUDA_HOME } = process.env;
  const packages = packagesAround(plugin);
  if (CUDA_ROOT) yield { folder: CUDA_ROOT, source: 'CUDA_ROOT' };
  for (const folder of packages)
    yield { folder: path.join(folder, 'nvidia', PIP[cudaVersion(plugin)].folder), source: 'pip' };
  if (CUDA_HOME) yield { folder: CUDA_HOME, source: 'CUDA_HOME' };
  for (const folder of toolkitsOnPath()) yield { folder, source: 'PATH' };
  for (const folder of installedToolkits(root)) yield { folder, source: 'system' };
  for (const folder of packages) {
    const linked = linkTriton(folder);
    if (linked) yield { folder: linked, source: 'Triton' };
  }
}

/** The toolkits whose `bin` is on the PATH, or whose programs are linked from there. */
function toolkitsOnPath(): string[] {
  const bins = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return bins
    .flatMap(bin => [path.join(bin, 'ptxas'), path.join(bin, 'nvcc')])
    .filter(fs.existsSync)
    .map(program => path.dirname(path.dirname(fs.realpathSync(program))));
}

/** Where NVIDIA's installers put toolkits, the newest first where several are there, and where Arch Linux does. */
function installedToolkits(root: string): string[] {
  const local = path.join(root, 'usr', 'local');
  const versions = entriesOf(local)
    .filter(name => name.startsWith('cuda-'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return [...['cuda', ...versions].map(name => path.join(local, name)), path.join(root, 'opt', 'cuda')];
}

/**
 * A folder as XLA wants it, of links to what the Triton of a folder of packages brings: PyTorch comes with it. Undefined where there
 * is none, or where the folder can't be made.
 */
function linkTriton(packages: string): string | undefined {
  const triton = path.resolve(packages, 'triton', 'backends', 'nvidia');
  const [ptxas, libdevice] = [path.join(triton, 'bin', 'ptxas'), path.join(triton, 'lib', 'libdevice.10.bc')];
  if (!fs.existsSync(ptxas) || !fs.existsSync(libdevice)) return undefined;
  const folder = path.resolve(cacheFolder(), 'cuda');
  try {
    link(ptxas, path.join(folder, PTXAS));
    link(libdevice, path.join(folder, LIBDEVICE));
    return folder;
  } catch {
    return undefined;
  }
}

/** Makes a link, or lets one that is there lead elsewhere, without a moment in which other processes find none. */
function link(target: string, at: string): void {
  if (fs.lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink() && fs.readlinkSync(at) === target) return;
  fs.mkdirSync(path.dirname(at), { recursive: true });
  const draft = `${at}.${process.pid}`;
  fs.rmSync(draft, { force: true });
  fs.symlinkSync(target, draft);
  fs.renameSync(draft, at);
}

/** One sentence on which tools XLA's compiler lacks and how to get them; undefined where it has all, and for other platforms. */
export function missingTools(
  plugin: Plugin,
  flags: CompileOptions['flags'] = {},
  root = '/',
): string | undefined {
  if (plugin.kind !== 'cuda') return undefined;
  const named = flags[CUDA_FOLDER_FLAG];
  const folder = named === undefined ? cudaTools(plugin, root)?.folder : String(named);
  if (folder === undefined)
    return (
      "XLA's compiler for NVIDIA GPUs needs ptxas and libdevice, and no folder with both was found: " +
      `pip install ${PIP[cudaVersion(plugin)].packages}, or let CUDA_HOME name a CUDA toolkit.`
    );
  const lacking = lackingIn(folder);
  return lacking.length > 0
    ? `XLA's compiler for NVIDIA GPUs needs ${lacking.join(' and ')}, which the folder that ${CUDA_FOLDER_FLAG} names, ${folder}, lacks.`
    : undefined;
}

/** The tools for a plugin, and what to do where some are missing; undefined where the platform isn't CUDA. */
export function compilerTools(plugin: Plugin): CompilerTools | undefined {
  if (plugin.kind !== 'cuda') return undefined;
  return { ...cudaTools(plugin), missing: missingTools(plugin) };
}
