import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import { pins } from './pins.mjs';
import { npmProgram } from '../setup/npmProgram.mjs';
import { unpackPinned } from '../setup/pinned.mjs';
import { runProgram, say } from '../setup/steps.mjs';

const RUNTIME = fileURLToPath(new URL('./runtime/', import.meta.url));

function readText(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** The packages that tfjs-node loads at run time (except TensorFlow.js itself), from a lock file of their own. */
function installRuntime(folder) {
  const lock = readFileSync(join(RUNTIME, 'package-lock.json'), 'utf8');
  const done = join(folder, 'node_modules', '.installed-lock.json');
  if (readText(done) === lock) return;
  mkdirSync(folder, { recursive: true });
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(RUNTIME, file), join(folder, file));
  const [program, first] = npmProgram();
  runProgram(program, [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    what: 'fetching the packages that tfjs-node needs',
  });
  writeFileSync(done, lock);
  say('packages', 'installed what tfjs-node needs at run time');
}

/**
 * Unpacks the published @tensorflow/tfjs-node, checked against its pinned hash, without running its install script
 * (which would download a TensorFlow of 2022).
 *
 * It lies in FOLDER/node_modules, inside the project and outside its package-lock.json. FOLDER has no TensorFlow.js of its
 * own, so that Node's look-up goes on to the project's node_modules: one tfjs-core, in which its back end registers.
 * @param {string} folder
 * @returns {string} the package's folder
 */
export function unpackTfjsNode(folder) {
  installRuntime(folder);
  const home = join(folder, 'node_modules', ...pins.tfjsNode.name.split('/'));
  unpackPinned(pins.tfjsNode, home);
  return home;
}
