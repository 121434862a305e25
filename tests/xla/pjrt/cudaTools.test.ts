import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { pluginAt, PjrtError } from '../../../src/xla/pjrt';
import { compilerTools, cudaTools, missingTools } from '../../../src/xla/pjrt/cudaTools';
import { platformFlags } from '../../../src/xla/pjrt/platform';
import { compileError } from '../../../src/xla/pjrt/program';
import { environmentFlags } from '../../../src/xla/pjrt/xlaFlags';

jest.mock('../../../src/xla/folders', () => ({
  ...jest.requireActual<object>('../../../src/xla/folders'),
  projectFolders: () => [], // this project's own environment may have the tools
}));

let folder: string;
const before = { ...process.env };
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'tools-')));
  for (const name of ['CUDA_ROOT', 'CUDA_HOME', 'CONDA_PREFIX', 'XLA_FLAGS']) delete process.env[name];
  process.env.XLA_CACHE = at('cache');
  process.env.VIRTUAL_ENV = at('env');
  process.env.PYTHONUSERBASE = at('user');
  process.env.PATH = at('bin');
});
afterEach(() => {
  process.env = { ...before };
  fs.rmSync(folder, { recursive: true, force: true });
});

const at = (...parts: string[]): string => path.join(folder, ...parts);
const write = (file: string): string => {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, '');
  return file;
};
const PTXAS = 'bin/ptxas';
const LIBDEVICE = 'nvvm/libdevice/libdevice.10.bc';
/** A folder with both tools. */
const toolkit = (...parts: string[]): string => {
  for (const file of [PTXAS, LIBDEVICE]) write(at(...parts, file));
  return at(...parts);
};
const packages = (environment = 'env'): string => at(environment, 'lib', 'python3.12', 'site-packages');
/** Triton's wheel. */
const triton = (environment = 'env'): string => {
  const place = path.join(packages(environment), 'triton', 'backends', 'nvidia');
  for (const file of ['bin/ptxas', 'lib/libdevice.10.bc']) write(path.join(place, file));
  return place;
};
const pluginOf = (cuda: 12 | 13, environment = 'env') =>
  pluginAt(path.join(packages(environment), 'jax_plugins', `xla_cuda${cuda}`, 'xla_cuda_plugin.so'), 'test');
const found = (cuda: 12 | 13 = 13) => cudaTools(pluginOf(cuda), folder);

test('where the tools are taken from, in this order', () => {
  expect(found()).toBeUndefined();
  triton();
  expect(found()).toEqual({ folder: at('cache', 'cuda'), source: 'Triton' });
  const arch = toolkit('opt', 'cuda');
  expect(found()).toEqual({ folder: arch, source: 'system' });
  for (const version of ['cuda-9.2', 'cuda-12.9', 'cuda-13.0']) toolkit('usr', 'local', version);
  expect(found()).toEqual({ folder: at('usr/local/cuda-13.0'), source: 'system' });
  const usual = toolkit('usr', 'local', 'cuda');
  expect(found()).toEqual({ folder: usual, source: 'system' });

  const onPath = toolkit('kit');
  fs.mkdirSync(at('bin'));
  fs.symlinkSync(path.join(onPath, PTXAS), at('bin', 'ptxas'));
  expect(found()).toEqual({ folder: onPath, source: 'PATH' });
  process.env.CUDA_HOME = toolkit('home');
  expect(found()).toEqual({ folder: at('home'), source: 'CUDA_HOME' });
  const elsewhere = toolkit('user', 'lib', 'python3.12', 'site-packages', 'nvidia', 'cu13');
  expect(found()).toEqual({ folder: elsewhere, source: 'pip' });
  const beside = toolkit('env', 'lib', 'python3.12', 'site-packages', 'nvidia', 'cu13');
  expect(found()).toEqual({ folder: beside, source: 'pip' });
  process.env.CUDA_ROOT = toolkit('root');
  expect(found()).toEqual({ folder: at('root'), source: 'CUDA_ROOT' });
  process.env.XLA_FLAGS = '--xla_gpu_cuda_data_dir=/said';
  expect(found()).toEqual({ folder: '/said', source: 'XLA_FLAGS' });
});

test('a folder that lacks either tool is passed over', () => {
  const last = toolkit('opt', 'cuda');
  for (const name of ['CUDA_ROOT', 'CUDA_HOME']) process.env[name] = at(name);
  write(at('CUDA_ROOT', PTXAS));
  write(at('CUDA_HOME', LIBDEVICE));
  write(path.join(packages(), 'nvidia/cu13', PTXAS)); // nvidia-cuda-nvcc without nvidia-nvvm
  write(at('usr/local/cuda', LIBDEVICE));
  write(at('kit', PTXAS));
  process.env.PATH = at('kit', 'bin');
  expect(found()).toEqual({ folder: last, source: 'system' });
});

test('each CUDA has its package of pip', () => {
  const both = ['cu13', 'cuda_nvcc'].map(name =>
    toolkit('env', 'lib', 'python3.12', 'site-packages', 'nvidia', name),
  );
  expect([found(13)?.folder, found(12)?.folder]).toEqual(both);
});

test("nvcc on the PATH leads to its toolkit, one that isn't whole to the next", () => {
  write(at('half', 'bin', 'ptxas'));
  write(path.join(toolkit('whole'), 'bin', 'nvcc'));
  process.env.PATH = ['', at('none'), at('half', 'bin'), at('whole', 'bin')].join(path.delimiter);
  expect(found()).toEqual({ folder: at('whole'), source: 'PATH' });
});

describe("links to Triton's files", () => {
  const targets = () => [PTXAS, LIBDEVICE].map(file => fs.readlinkSync(at('cache', 'cuda', file)));
  test('lead to the environment of the plugin first, and elsewhere when that is gone', () => {
    const [own, other] = [triton(), triton('user')];
    expect(found()?.source).toBe('Triton');
    expect(targets()).toEqual([path.join(own, 'bin/ptxas'), path.join(own, 'lib/libdevice.10.bc')]);
    expect(found()?.source).toBe('Triton'); // they are there
    fs.rmSync(own, { recursive: true });
    expect(found()?.source).toBe('Triton');
    expect(targets()).toEqual([path.join(other, 'bin/ptxas'), path.join(other, 'lib/libdevice.10.bc')]);
  });
  test('are not made where a file is missing, or the folder cannot be made', () => {
    const place = triton();
    fs.rmSync(path.join(place, 'lib'), { recursive: true });
    expect(found()).toBeUndefined();
    expect(fs.existsSync(at('cache'))).toBe(false);
    triton();
    write(at('cache')); // a file in the folder's place
    expect(found()).toBeUndefined();
  });
});

test("a program's flags leave out what XLA_FLAGS gives", () => {
  process.env.CUDA_ROOT = toolkit('root');
  const flags = {
    xla_gpu_cuda_data_dir: at('root'),
    xla_gpu_per_fusion_autotune_cache_dir: at('cache', 'autotune'),
  };
  const plugin = pluginOf(13);
  expect(platformFlags(plugin)).toEqual(flags);
  const { xla_gpu_cuda_data_dir, ...others } = flags;
  process.env.XLA_FLAGS = '--xla_gpu_cuda_data_dir=/said --xla_gpu_autotune_level=0';
  expect(platformFlags(plugin)).toEqual(others);
  process.env.XLA_FLAGS = '--xla_gpu_per_fusion_autotune_cache_dir=/said';
  expect(platformFlags(plugin)).toEqual({ xla_gpu_cuda_data_dir });
});

test('XLA_FLAGS is read as XLA reads it', () => {
  const read = (text: string) => {
    process.env.XLA_FLAGS = text;
    return environmentFlags();
  };
  expect(read('')).toEqual({});
  expect(read(' --a=/x/y-z\t--b --c="q \\"r\\" --d=1" --e=\'s t\' --a=2')).toEqual({
    ...{ a: '2', b: '', c: 'q "r" --d=1', e: 's t' },
  });
  fs.writeFileSync(at('flags'), '--a=1\n--b=/x\n');
  expect(read(at('flags'))).toEqual({ a: '1', b: '/x' });
  expect(read(at('no-file'))).toEqual({});
});

test('choices of kernels are kept only where XLA can write them', () => {
  const plugin = pluginOf(13);
  const flag = { xla_gpu_per_fusion_autotune_cache_dir: at('cache', 'autotune') };
  process.env.CUDA_ROOT = toolkit('root');
  const kept = () => {
    const { xla_gpu_cuda_data_dir, ...others } = platformFlags(plugin);
    expect(xla_gpu_cuda_data_dir).toBe(at('root'));
    return others;
  };
  expect(kept()).toEqual(flag);
  expect(fs.readdirSync(at('cache', 'autotune'))).toEqual(['tmp']); // nothing is left of the trial
  expect(fs.readdirSync(at('cache', 'autotune', 'tmp'))).toEqual([]);
  fs.rmdirSync(at('cache', 'autotune', 'tmp'));
  write(at('cache', 'autotune', 'tmp')); // no folder for drafts
  expect(kept()).toEqual({});
  fs.rmSync(at('cache', 'autotune', 'tmp'));
  fs.mkdirSync(at('cache', 'autotune', `writable.${process.pid}`)); // a draft can't be renamed
  expect(kept()).toEqual({});
  expect(fs.readdirSync(at('cache', 'autotune', 'tmp'))).toEqual([]);
  fs.rmSync(at('cache'), { recursive: true });
  write(at('cache'));
  expect(kept()).toEqual({});
  process.env.XLA_CACHE = at('other');
  expect(kept()).toEqual({ xla_gpu_per_fusion_autotune_cache_dir: at('other', 'autotune') });
  process.env.XLA_CACHE = 'off';
  expect(kept()).toEqual({});
});

(fs.existsSync('/dev/full') ? test : test.skip)('a full disk takes no choices', () => {
  const draft = at('cache', 'autotune', 'tmp', `writable.${process.pid}`);
  fs.mkdirSync(path.dirname(draft), { recursive: true });
  fs.symlinkSync('/dev/full', draft); // it can be opened, and every byte fails with ENOSPC
  expect(platformFlags(pluginOf(13))).not.toHaveProperty('xla_gpu_per_fusion_autotune_cache_dir');
});

describe('what is missing', () => {
  test('is said with the packages that bring it', () => {
    const needs =
      "XLA's compiler for NVIDIA GPUs needs ptxas and libdevice, and no folder with both was found";
    expect(missingTools(pluginOf(13), {}, folder)).toBe(
      `${needs}: pip install nvidia-cuda-nvcc nvidia-nvvm, or let CUDA_HOME name a CUDA toolkit.`,
    );
    expect(missingTools(pluginOf(12), {}, folder)).toContain('pip install nvidia-cuda-nvcc-cu12,');
    expect(missingTools(pluginAt('/some/cpu_plugin.so', 'test'), {}, folder)).toBeUndefined();
    expect(compilerTools(pluginAt('/some/cpu_plugin.so', 'test'))).toBeUndefined();
    const CUDA_HOME = toolkit('home');
    Object.assign(process.env, { CUDA_HOME });
    expect(missingTools(pluginOf(13), {}, folder)).toBeUndefined();
    expect(compilerTools(pluginOf(13))).toEqual({ folder: CUDA_HOME, source: 'CUDA_HOME' });
  });

  test('is said of a folder that a flag names', () => {
    const whole = toolkit('whole');
    process.env.XLA_FLAGS = `--xla_gpu_cuda_data_dir=${at('no')}`;
    expect(missingTools(pluginOf(13))).toContain(
      `needs bin/ptxas and ${LIBDEVICE}, which the folder that xla_gpu_cuda_data_dir names, ${at('no')}, lacks`,
    );
    expect(missingTools(pluginOf(13), { xla_gpu_cuda_data_dir: whole })).toBeUndefined();
    fs.rmSync(path.join(whole, PTXAS));
    expect(missingTools(pluginOf(13), { xla_gpu_cuda_data_dir: whole })).toContain('needs bin/ptxas, which');
  });

  test('comes before the message of a compilation that failed for it', () => {
    process.env.XLA_FLAGS = '--xla_gpu_cuda_data_dir=/nowhere';
    const plugin = pluginOf(13);
    const said = 'PJRT_Compile: libdevice not found at ./libdevice.10.bc';
    const told = compileError(plugin, new PjrtError(said, 'INTERNAL', 'other'));
    expect(told).toBeInstanceOf(PjrtError);
    expect((told as PjrtError).code).toBe('INTERNAL');
    expect((told as Error).message).toMatch(/^XLA's compiler .*\/nowhere, lacks\. \(PJRT_Compile: libdevice/);
    for (const other of [
      new PjrtError('the program does not parse', 'UNKNOWN', 'other'),
      new PjrtError('no memory', 'RESOURCE_EXHAUSTED', 'memory'),
      new Error('another'),
    ])
      expect(compileError(plugin, other)).toBe(other);
    const whole = { flags: { xla_gpu_cuda_data_dir: toolkit('whole') } };
    const own = new PjrtError(said, 'INTERNAL', 'other');
    expect(compileError(plugin, own, whole)).toBe(own);
  });
});
