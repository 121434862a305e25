import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { npmProgram } from './npmProgram.mjs';
import { runProgram, SetupError } from './steps.mjs';

const OFFLINE = /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|ERR_SOCKET_TIMEOUT/;

/** Path → entry of the packages in a lock file. */
function packagesOf(file) {
  const { packages } = JSON.parse(readFileSync(file, 'utf8'));
  return new Map(Object.entries(packages).filter(([path]) => path !== ''));
}

/** Whether all that the lock file asks for on every platform is installed, and all that was installed on this one is still there. */
function upToDate(root) {
  try {
    const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
    const wanted = [...packagesOf(join(root, 'package-lock.json'))];
    const fits = ([path, { version, optional }]) =>
      installed.has(path) ? installed.get(path).version === version : optional;
    return (
      wanted.every(fits) && [...installed.keys()].every(path => existsSync(join(root, path, 'package.json')))
    );
  } catch {
    return false;
  }
}

/**
 * Installs the npm packages of the lock file where they are missing or of another version. npm ci begins by removing what is
 * there: it is kept aside, and put back when the installation fails.
 */
export function installPackages(root, say) {
  if (upToDate(root)) return;
  say('npm packages: installing …');
  const modules = join(root, 'node_modules');
  const aside = join(root, '.cache', 'node_modules.before');
  const old = join(root, '.cache', 'node_modules.old');
  mkdirSync(join(root, '.cache'), { recursive: true });
  // What an installation that was killed kept aside is worth more than what it had installed by then.
  if (existsSync(aside)) rmSync(modules, { recursive: true, force: true });
  else if (existsSync(modules)) renameSync(modules, aside);
  try {
    npmCi(root);
    if (!upToDate(root))
      throw new SetupError('npm ci left packages out: remove node_modules and start again');
  } catch (error) {
    if (existsSync(aside)) {
      rmSync(modules, { recursive: true, force: true });
      renameSync(aside, modules);
    }
    throw error;
  }
  rmSync(old, { recursive: true, force: true });
  if (existsSync(aside)) renameSync(aside, old); // so that a kill leaves no half of it aside
  rmSync(old, { recursive: true, force: true });
}

function npmCi(root) {
  const [program, first] = npmProgram();
  runProgram(program, [...first, 'ci', '--no-audit', '--no-fund'], {
    cwd: root,
    what: 'npm ci',
    mend: output =>
      OFFLINE.test(output)
        ? 'the npm registry cannot be reached: connect to the network (or set npm’s registry or proxy) and start again'
        : undefined,
  });
}
