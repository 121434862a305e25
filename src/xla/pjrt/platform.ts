/** What a platform needs before its plugin is loaded, and how programs are compiled there by default. */
import * as fs from 'fs';
import * as path from 'path';
import { cacheFolder } from '../folders';
import { type CompileOptions } from './compileOptions';
import { CUDA_FOLDER_FLAG, cudaTools, cudaVersion, packagesAround } from './cudaTools';
import { keepFreedMemory } from './hostMemory';
import { type ClientOptions, type Plugin } from './types';
import { environmentFlags } from './xlaFlags';

/** At least what XLA writes down of one choice of a kernel: a full disk may still take an empty file. */
const TUNED_BYTES = 4096;

/**
 * NVIDIA's libraries in pip packages (`nvidia/<package>/lib`), in the order in which JAX loads them (jax_plugins/xla_cuda12,
 * `_load_nvidia_libraries`): those that others need come first. The plugin asks for them by name, and gets what is loaded.
 */
const CUDA_LIBRARIES: Record<12 | 13, readonly (readonly [folder: string, file: string])[]> = {
  12: [
    ['cuda_runtime', 'libcudart.so.12'],
    ['cuda_nvrtc', 'libnvrtc.so.12'],
    ['nvjitlink', 'libnvJitLink.so.12'],
    ['cublas', 'libcublas.so.12'],
    ['cublas', 'libcublasLt.so.12'],
    ['nccl', 'libnccl.so.2'],
    ['cuda_cupti', 'libcupti.so.12'],
    ['cusparse', 'libcusparse.so.12'],
    ['cusolver', 'libcusolver.so.11'],
    ['cufft', 'libcufft.so.11'],
    ['nvshmem', 'libnvshmem_host.so.3'],
    ['cudnn', 'libcudnn.so.9'],
  ],
  13: [
    ['cu13', 'libcudart.so.13'],
    ['cu13', 'libnvrtc.so.13'],
    ['cu13', 'libnvJitLink.so.13'],
    ['cu13', 'libcublas.so.13'],
    ['cu13', 'libcublasLt.so.13'],
    ['nccl', 'libnccl.so.2'],
    ['cu13', 'libcupti.so.13'],
    ['cu13', 'libcusparse.so.12'],
    ['cu13', 'libcusolver.so.12'],
    ['cu13', 'libcufft.so.12'],
    ['nvshmem', 'libnvshmem_host.so.3'],
    ['cudnn', 'libcudnn.so.9'],
  ],
};

/** The folders `nvidia` of pip's packages, the one beside the plugin first. */
const nvidiaFolders = (plugin: Plugin): string[] =>
  packagesAround(plugin)
    .map(folder => path.join(folder, 'nvidia'))
    .filter(fs.existsSync);

/** Libraries to load before the plugin. */
export function librariesBefore(plugin: Plugin): string[] {
  if (plugin.kind !== 'cuda') return [];
  const folders = nvidiaFolders(plugin);
  return CUDA_LIBRARIES[cudaVersion(plugin)].flatMap(([folder, file]) => {
    const candidates = folders.map(nvidia => path.join(nvidia, folder, 'lib', file));
    return candidates.filter(fs.existsSync).slice(0, 1);
  });
}

/**
 * Flags that every program of a plugin is compiled with, but for those that XLA_FLAGS gives: flags of a program come before the environment's. On CUDA:
 * where NVIDIA's tools are, and where XLA keeps which kernel it found fastest for each part of a program, which it measures when it compiles (JAX has it
 * keep them, too).
 */
export function platformFlags(plugin: Plugin): NonNullable<CompileOptions['flags']> {
  if (plugin.kind !== 'cuda') return {};
  const flags = {
    [CUDA_FOLDER_FLAG]: cudaTools(plugin)?.folder,
    xla_gpu_per_fusion_autotune_cache_dir: process.env.XLA_CACHE === 'off' ? undefined : tuningFolder(),
  };
  const given = environmentFlags();
  return Object.fromEntries(
    Object.entries(flags).filter(
      (flag): flag is [string, string] => flag[1] !== undefined && !(flag[0] in given),
    ),
  );
}

/**
 * Where the choices of kernels are kept; undefined where they can't be, for then XLA would fail every compilation. Tried as XLA does it: a
 * draft in the folder `tmp`, renamed into the one above.
 */
function tuningFolder(): string | undefined {
  const folder = path.join(cacheFolder(), 'autotune');
  const name = `writable.${process.pid}`;
  const [draft, file] = [path.join(folder, 'tmp', name), path.join(folder, name)];
  try {
    fs.mkdirSync(path.dirname(draft), { recursive: true });
    fs.writeFileSync(draft, Buffer.alloc(TUNED_BYTES));
    fs.renameSync(draft, file);
    fs.rmSync(file);
    return folder;
  } catch {
    for (const left of [draft, file]) remove(left);
    return undefined;
  }
}

function remove(file: string): void {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // its folder is none
  }
}

/** Numbers and switches as JAX reads them from the environment (jaxlib/xla_client.py, `generate_pjrt_gpu_plugin_options`). */
function memorySettings(): ClientOptions {
  const { env } = process;
  const fraction = env.XLA_CLIENT_MEM_FRACTION || env.XLA_PYTHON_CLIENT_MEM_FRACTION;
  const preallocate = env.XLA_PYTHON_CLIENT_PREALLOCATE;
  const allocator = env.XLA_PYTHON_CLIENT_ALLOCATOR;
  return {
    ...(fraction ? { memory_fraction: Number(fraction) } : {}),
    ...(preallocate ? { preallocate: !/^(false|0)$/i.test(preallocate) } : {}),
    ...(allocator ? { allocator: allocator.toLowerCase() } : {}),
  };
}

/**
 * Options of a plugin's client where the program gives none. A GPU's memory is taken as it is needed, unlike JAX's 75 % ahead: notebooks stay open, and
 * several share the device. The environment variables by which JAX's users change this are heeded.
 */
export function platformOptions({ kind }: Plugin): ClientOptions {
  return kind === 'cuda' || kind === 'rocm' ? { preallocate: false, ...memorySettings() } : {};
}

/**
 * Sets what plugins read from the environment when they are loaded. XLA logs to stderr; what is an error here comes back as
 * an exception, so of its logs the CPU's are shut off whole and other platforms' down to errors. TF_CPP_MIN_LOG_LEVEL=0
 * shows all. Programs on the CPU keep the memory that they free.
 */
export function prepareEnvironment(plugin: Plugin): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= plugin.kind === 'cpu' ? '3' : '2';
  if (plugin.kind === 'cpu') keepFreedMemory();
}
