import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, URL } from 'node:url';
import { pins } from './pins.mjs';
import { runProgram, say, SetupError } from '../setup/steps.mjs';

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
  runProgram('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
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
  const { name, version, integrity } = pins.tfjsNode;
  const home = join(folder, 'node_modules', ...name.split('/'));
  const done = join(home, '.unpacked');
  if (readText(done) === integrity) {
    say('package', `${name} ${version} is there already`);
    return home;
  }
  const packed = runProgram('npm', ['pack', `${name}@${version}`, '--json', '--pack-destination', folder], {
    cwd: folder,
    what: `fetching ${name}`,
  });
  const tarball = join(folder, JSON.parse(packed)[0].filename.replace('@', '').replace('/', '-'));
  const hash = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (hash !== integrity) {
    rmSync(tarball);
    throw new SetupError(
      `${name} ${version} from the registry is not what this project pins (its hash differs): nothing was installed`,
    );
  }
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  runProgram('tar', ['-xzf', tarball, '-C', home, '--strip-components=1'], { what: `unpacking ${name}` });
  rmSync(tarball);
  writeFileSync(done, integrity);
  say('package', `unpacked ${name} ${version}, without its install script`);
  return home;
}
