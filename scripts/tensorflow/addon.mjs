import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { spawnSync } from 'node:child_process';
import { pins } from './pins.mjs';
import { readRecord, runProgram, say, SetupError, writeRecord } from '../setup/steps.mjs';

function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['g++', 'clang++'];
  for (const program of candidates) {
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    if (status === 0) return { program, version: stdout.split('\n', 1)[0] };
  }
  throw new SetupError(
    `no C++ compiler (${candidates.join(' or ')}): install one (Debian and Ubuntu: apt install g++) or name one in CXX`,
  );
}

/**
 * Compiles tfjs-node's add-on from the sources that the package ships, against the wheel's headers and libraries, and
 * writes FOLDER/built.json, by which src/backends/tensorflow.ts finds it.
 * @param {string} folder where the package was unpacked
 * @param {string} home the package's own folder
 * @param {{wheel: string, version: string, include: string, libraries: string}} tensorflow
 */
export function compileAddon(folder, home, tensorflow) {
  const record = join(folder, 'built.json');
  const addon = join(home, 'lib', `napi-v${pins.nodeApi}`, 'tfjs_binding.node');
  const arguments_ = [
    ...['-O2', '-std=c++17', '-shared', '-fPIC', `-DNAPI_VERSION=${pins.nodeApi}`],
    ...[
      '-isystem',
      join(folder, 'node_modules', 'node-api-headers', 'include'),
      '-isystem',
      tensorflow.include,
    ],
    ...['tfjs_backend.cc', 'tfjs_binding.cc'].map(file => join(home, 'binding', file)),
    ...[`-L${tensorflow.libraries}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2'],
    // The real folder, not a link to it: TensorFlow looks for CUDA's libraries relative to where it was loaded from.
    `-Wl,-rpath,${tensorflow.libraries}`,
  ];
  const key = createHash('sha256')
    .update(JSON.stringify([arguments_, tensorflow, pins]))
    .digest('hex');
  if (existsSync(addon) && readRecord(record).key === key) {
    say('add-on', 'is compiled already');
    return;
  }
  const compiler = findCompiler();
  mkdirSync(dirname(addon), { recursive: true });
  const started = performance.now();
  // Under another name first: a process that has the old one loaded keeps it, and a broken-off compilation leaves nothing.
  const fresh = `${addon}.${process.pid}`;
  runProgram(compiler.program, [...arguments_, '-o', fresh], {
    what: `compiling the add-on with ${compiler.program}`,
  });
  renameSync(fresh, addon);
  writeRecord(record, { ...tensorflow, addon, compiler: compiler.version, key });
  say(
    'add-on',
    `compiled with ${compiler.version} in ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
}
