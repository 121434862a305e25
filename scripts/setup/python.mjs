import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { readRecord, runProgram, SetupError, writeRecord } from './steps.mjs';

const OLDEST = [3, 9];
const OFFLINE =
  /NewConnectionError|Temporary failure in name resolution|Connection refused|ConnectTimeoutError|Network is unreachable|ProxyError/;

/** The Python of a virtual environment. */
export const pythonOf = venv =>
  process.platform === 'win32' ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python');

/** "3.11" of a Python that runs; undefined otherwise. */
function versionOf(python) {
  const { status, stdout } = spawnSync(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  return status === 0 ? stdout.trim() : undefined;
}

const isOld = version => {
  const [major, minor] = version.split('.').map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
};

function findPython() {
  const names = [process.env.PYTHON, 'python3', 'python'].filter(Boolean);
  const found = names.map(name => ({ name, version: versionOf(name) })).filter(({ version }) => version);
  const fits = found.find(({ version }) => !isOld(version));
  if (fits) return fits.name;
  const oldest = OLDEST.join('.');
  throw new SetupError(
    found.length > 0
      ? `Python ${found[0].version} is too old: install Python ${oldest} or newer, or name one (PYTHON=/path/to/python3 npm start)`
      : `no Python was found: install Python ${oldest} or newer (Debian, Ubuntu: apt install python3 python3-venv), or name one (PYTHON=/path/to/python3 npm start)`,
  );
}

function makeVenv(venv, say) {
  if (existsSync(venv)) say('.venv: broken; made anew');
  rmSync(venv, { recursive: true, force: true });
  try {
    runProgram(findPython(), ['-m', 'venv', venv], {
      what: 'python -m venv',
      mend: output =>
        /ensurepip|No module named '?venv/.test(output)
          ? 'this Python lacks the venv module: install it (Debian, Ubuntu: apt install python3-venv)'
          : undefined,
    });
  } catch (error) {
    rmSync(venv, { recursive: true, force: true });
    throw error;
  }
}

function pip(python, args) {
  const quiet = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '2'];
  runProgram(python, [...quiet, ...args], {
    what: 'pip install',
    mend: output =>
      OFFLINE.test(output)
        ? 'the Python package index cannot be reached: connect to the network (or set PIP_INDEX_URL) and start again'
        : undefined,
  });
}

/**
 * Makes .venv where it is missing or broken, and installs what the requirement files name.
 * @returns a warning when there is no XLA plugin for this platform
 */
export function installPython(root, say) {
  const venv = join(root, '.venv');
  const python = pythonOf(venv);
  let version = versionOf(python);
  if (!version || spawnSync(python, ['-m', 'pip', '--version']).status !== 0) {
    makeVenv(venv, say);
    version = versionOf(python);
  }
  const files = ['requirements.txt', 'requirements-cpu.txt'];
  const hash = createHash('sha256').update(version);
  for (const file of files) hash.update(readFileSync(join(root, file)));
  const stamp = join(venv, 'installed.json');
  const wanted = hash.digest('hex');
  const installed = readRecord(stamp);
  if (installed.hash === wanted) return installed.warning;

  say('Python packages: installing JupyterLab, TensorBoard and the XLA plugin into .venv …');
  pip(python, ['-r', join(root, files[0])]);
  let warning;
  try {
    pip(python, ['--no-deps', '-r', join(root, files[1])]);
  } catch (error) {
    if (!/No matching distribution|from versions: none/.test(error.message)) throw error;
    warning = `there is no XLA plugin for ${process.platform}-${process.arch} (Python ${version}): WebAssembly or plain JavaScript computes instead`;
  }
  writeRecord(stamp, { hash: wanted, warning });
  return warning;
}
