#!/usr/bin/env node
/**
 * npm run setup:tensorflow [-- --cuda] [-- --venv FOLDER]
 *
 * Sets up TensorFlow as a back end: the published @tensorflow/tfjs-node, its add-on compiled from its own sources against the
 * TensorFlow that pip installs. Optional; nothing else in this project needs it. See docs/backends.md.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import { parseArgs } from 'node:util';
import { compileAddon } from './tensorflow/addon.mjs';
import { unpackTfjsNode } from './tensorflow/package.mjs';
import { runProgram, say, SetupError } from './setup/steps.mjs';
import { installWheel } from './tensorflow/wheel.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const HELP = `npm run setup:tensorflow [-- OPTIONS]

Sets up TensorFlow as a back end (Linux, x86-64, Python 3.10 to 3.13, a C++ compiler).

  --cuda          the CUDA build and NVIDIA's libraries instead of the CPU build
  --venv FOLDER   the Python environment that gets TensorFlow (default: .venv)
  --help          this text`;

function readOptions() {
  try {
    const options = { cuda: { type: 'boolean' }, venv: { type: 'string' }, help: { type: 'boolean' } };
    return parseArgs({ options }).values;
  } catch (error) {
    throw new SetupError(`${error.message} (--help lists the options)`);
  }
}

function main() {
  const { cuda = false, venv = join(ROOT, '.venv'), help } = readOptions();
  if (help) return console.log(HELP);
  const tsx = join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  if (!existsSync(tsx))
    throw new SetupError('the npm packages are not installed: run npm install (or npm start) first');
  const folder = join(ROOT, '.cache', 'tfjs-node');
  const tensorflow = installWheel(resolve(venv), cuda ? 'cuda' : 'cpu');
  const home = unpackTfjsNode(folder);
  compileAddon(folder, home, tensorflow);
  say(
    'verified',
    runProgram(process.execPath, [tsx, join(ROOT, 'scripts', 'tensorflow', 'verify.ts')], {
      cwd: ROOT,
      what: 'the check',
    }),
  );
}

try {
  main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`setup:tensorflow: ${error.message}.`);
  process.exitCode = 1;
}
