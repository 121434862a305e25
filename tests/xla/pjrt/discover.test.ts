import { execFileSync, spawnSync } from 'child_process';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { discoverPlugins, PjrtClient, pluginAt } from '../../../src/xla/pjrt';
import { packageFolders } from '../../../src/xla/pjrt/environments';
import { missingHardware } from '../../../src/xla/pjrt/hardware';
import { librariesBefore } from '../../../src/xla/pjrt/platform';

let folder: string;
const before = { ...process.env };
beforeEach(() => {
  folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'plugins-')));
  process.env.XLA_CACHE = path.join(folder, 'cache');
  delete process.env.PJRT_PLUGIN;
});
afterEach(() => {
  process.env = { ...before };
  fs.rmSync(folder, { recursive: true, force: true });
});

/** An environment with these files, made as `python3 -m venv` lays it out. */
function environment(name: string, ...files: string[]): string {
  const packages = path.join(folder, name, 'lib', 'python3.12', 'site-packages');
  fs.mkdirSync(packages, { recursive: true });
  for (const file of ['../../../pyvenv.cfg', '../../../bin/python3', ...files]) {
    fs.mkdirSync(path.dirname(path.join(packages, file)), { recursive: true });
    fs.writeFileSync(path.join(packages, file), '');
  }
  return packages;
}
const CUDA13 = 'jax_plugins/xla_cuda13/xla_cuda_plugin.so';
const CUDA12 = 'jax_plugins/xla_cuda12/xla_cuda_plugin.so';

test('the environments that a person would expect, each once', () => {
  const active = environment('active');
  const first = environment('path');
  process.env.VIRTUAL_ENV = path.join(folder, 'active');
  process.env.PATH = `${path.join(folder, 'path', 'bin')}:${path.join(folder, 'active', 'bin')}`;
  const found = packageFolders();
  expect(found).toContainEqual({ folder: active, source: 'VIRTUAL_ENV' });
  expect(found).toContainEqual({ folder: first, source: 'python3' });
  process.env.PATH = path.join(folder, 'active', 'bin');
  expect(packageFolders().filter(place => place.folder === active)).toHaveLength(1);
});

test('the folders of PYTHONPATH last, and only those that are not known', () => {
  const active = environment('active');
  const named = path.join(folder, 'named');
  fs.mkdirSync(named);
  process.env.VIRTUAL_ENV = path.join(folder, 'active');
  process.env.PYTHONPATH = ['', active, path.join(folder, 'missing'), named].join(path.delimiter);
  const found = packageFolders().filter(place => place.folder.startsWith(folder));
  expect(found).toEqual([
    { folder: active, source: 'VIRTUAL_ENV' },
    { folder: named, source: 'PYTHONPATH' },
  ]);
});

test("JAX's plugins by package and version, the newest CUDA first; without the hardware they are passed over", () => {
  const packages = environment('active', CUDA12, CUDA13, 'jax_cuda13_pjrt-0.12.0.1.dist-info/METADATA');
  process.env.VIRTUAL_ENV = path.join(folder, 'active');
  const { found, passedOver } = discoverPlugins();
  const reason = missingHardware('cuda');
  if (reason) {
    expect(passedOver.slice(0, 2)).toEqual([
      { path: path.join(packages, CUDA13), reason },
      { path: path.join(packages, CUDA12), reason },
    ]);
  } else {
    const plugin = { path: path.join(packages, CUDA13), kind: 'cuda', name: 'jax-cuda13-pjrt' };
    expect(found).toContainEqual({ ...plugin, source: 'VIRTUAL_ENV', version: '0.12.0.1' });
  }
});

test("NVIDIA's libraries beside the plugin, in JAX's order", () => {
  const packages = environment(
    ...(['active', CUDA13, 'nvidia/cu13/lib/libcublas.so.13'] as const),
    ...(['nvidia/cu13/lib/libcudart.so.13', 'nvidia/cudnn/lib/libcudnn.so.9', CUDA12] as const),
    'nvidia/cuda_runtime/lib/libcudart.so.12',
  );
  const names = (file: string): string[] =>
    librariesBefore(pluginAt(path.join(packages, file), 'test')).map(name => path.basename(name));
  expect(names(CUDA13)).toEqual(['libcudart.so.13', 'libcublas.so.13', 'libcudnn.so.9']);
  expect(names(CUDA12)).toEqual(['libcudart.so.12', 'libcudnn.so.9']);
});

const compiles = spawnSync('cc', ['--version']).status === 0;
const library = (name: string, source: string): string => {
  const file = path.join(folder, name);
  fs.writeFileSync(`${file}.c`, source);
  execFileSync('cc', ['-shared', '-fPIC', '-o', file, `${file}.c`]);
  return file;
};
const opened = (file: string) => () => PjrtClient.create(pluginAt(file, 'test'));

(compiles ? describe : describe.skip)('a library that is bad costs a process of its own, not ours', () => {
  test('one that crashes when it is loaded', () => {
    const file = library(
      'libcrash_cpu.so',
      '#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { abort(); }',
    );
    expect(opened(file)).toThrow("libcrash_cpu.so can't be used: it crashes while loading (SIGABRT)");
    const known = path.join(folder, 'cache', 'plugins.json');
    expect(fs.readFileSync(known, 'utf8')).toContain('SIGABRT'); // not tried again
    fs.writeFileSync(known, '{ damaged');
    expect(opened(file)).toThrow('it crashes while loading');
  });
  test('is tried once for each XLA_FLAGS, and again when many others were tried since', () => {
    const log = path.join(folder, 'log');
    const file = library(
      'libcount_cpu.so',
      `#include <stdio.h>
       #include <stdlib.h>
       __attribute__((constructor)) static void f(void) { FILE *f = fopen("${log}", "a"); fputc('x', f); fclose(f); abort(); }`,
    );
    const trials = (flags: string): number => {
      process.env.XLA_FLAGS = flags;
      expect(opened(file)).toThrow('it crashes while loading (SIGABRT)');
      return fs.statSync(log).size;
    };
    expect(['--a', '--b', '--a', '--b', '--a'].map(trials)).toEqual([1, 2, 2, 2, 2]);
    const many = Array.from({ length: 7 }, (_, i) => `--c${i}`);
    expect(many.map(trials)).toEqual([3, 4, 5, 6, 7, 8, 9]);
    expect(trials('--b')).toBe(9);
    expect(trials('--a')).toBe(10);
  });
  test('one that crashes in its first function', () => {
    expect(opened(library('a.so', 'void *GetPjrtApi(void) { return *(void **)8; }'))).toThrow(
      'it crashes while loading (SIGSEGV)',
    );
  });
  test('one without the function, or that gives nothing', () => {
    expect(opened(library('b.so', 'int other;'))).toThrow(/does not load as a PJRT plugin: .*GetPjrtApi/);
    expect(opened(library('c.so', 'void *GetPjrtApi(void) { return 0; }'))).toThrow(
      'GetPjrtApi returns nothing',
    );
  });
  test('one of another major version, or too old', () => {
    const table = (size: number, major: number): string =>
      `static long t[200]; void *GetPjrtApi(void) { t[0] = ${size}; ((int *)t)[8] = ${major}; ((int *)t)[9] = 7; return t; }`;
    expect(opened(library('d.so', table(1000, 1)))).toThrow('it speaks PJRT 1.7; this program knows 0.x');
    expect(opened(library('e.so', table(400, 0)))).toThrow('its PJRT API, 0.7, is too old');
  });
  test('one for another processor', () => {
    const file = library('f.so', 'int other;');
    const bytes = fs.readFileSync(file);
    bytes.writeUInt16LE(bytes.readUInt16LE(18) === 183 ? 62 : 183, 18); // e_machine
    fs.writeFileSync(file, bytes);
    expect(opened(file)).toThrow('it does not load as a PJRT plugin');
  });
});
