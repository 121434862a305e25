import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { NbtestError, messageOf } from '../errors';

/** A kernel that can be started: kernel.json with its folder. */
export interface KernelSpec {
  name: string;
  displayName: string;
  language: string;
  argv: string[];
  env: Record<string, string>;
  interruptMode: 'signal' | 'message';
  /** The folder of kernel.json. */
  folder: string;
  /** Where the kernel must run; undefined: in the notebook's folder, as Jupyter does. */
  cwd?: string;
}

export interface SearchOptions {
  /** Search .venv, venv and node_modules in this folder and those above it. */
  from: string;
  /** Folders that hold `<name>/kernel.json`, searched first. */
  kernelDirs?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/**
 * The folders searched for kernels, best first: `kernelDirs`, the project's .venv, JUPYTER_PATH, JUPYTER_DATA_DIR or the
 * user's data folder, the active environment, the system's.
 * https://docs.jupyter.org/en/latest/use/jupyter-directories.html
 */
function kernelDirectories(options: SearchOptions): string[] {
  const env = options.env ?? process.env;
  const windows = process.platform === 'win32';
  const roots: string[] = [];
  for (const folder of foldersUp(options.from)) {
    for (const venv of ['.venv', 'venv']) roots.push(join(folder, venv, 'share', 'jupyter'));
  }
  roots.push(...(env.JUPYTER_PATH ?? '').split(delimiter).filter(Boolean));
  if (env.JUPYTER_DATA_DIR) roots.push(env.JUPYTER_DATA_DIR);
  else if (windows) roots.push(join(env.APPDATA ?? homedir(), 'jupyter'));
  else if (process.platform === 'darwin') roots.push(join(homedir(), 'Library', 'Jupyter'));
  else roots.push(join(env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'jupyter'));
  for (const prefix of [env.VIRTUAL_ENV, env.CONDA_PREFIX]) {
    if (prefix) roots.push(join(prefix, 'share', 'jupyter'));
  }
  if (windows) roots.push(join(env.PROGRAMDATA ?? 'C:\\ProgramData', 'jupyter'));
  else roots.push('/usr/local/share/jupyter', '/usr/share/jupyter');
  const folders = [...(options.kernelDirs ?? []), ...roots.map(root => join(root, 'kernels'))];
  return [...new Set(folders.map(folder => resolve(folder)))];
}

/**
 * Finds a kernel by name. A `tslab` that no kernelspec names is taken from node_modules, so that notebooks run in a
 * clone without Python. Python itself is asked for its prefix only when nothing else has the kernel.
 * Throws NbtestError 'kernelspec' listing the kernels there are.
 */
export function findKernel(name: string, options: SearchOptions): KernelSpec {
  const folders = kernelDirectories(options);
  const found = lookUp(name, folders) ?? tslabFromNodeModules(name, options.from);
  if (found) return found;
  const prefix = pythonPrefix(options.env ?? process.env);
  if (prefix) {
    folders.push(join(prefix, 'share', 'jupyter', 'kernels'));
    const late = lookUp(name, folders.slice(-1));
    if (late) return late;
  }
  const names = listKernels(folders);
  const known = names.length > 0 ? `Installed: ${names.join(', ')}.` : 'No kernel is installed.';
  throw new NbtestError(
    'kernelspec',
    `No Jupyter kernel named "${name}". ${known} Install it, or name another kernel in the notebook's metadata or the ` +
      `option kernelName. Searched: ${folders.filter(folder => existsSync(folder)).join(', ') || 'no folder exists'}.`,
  );
}

/** Names of the kernels in the given folders, sorted. */
function listKernels(folders: readonly string[]): string[] {
  const names = folders.flatMap(folder => {
    if (!existsSync(folder)) return [];
    return readdirSync(folder).filter(name => existsSync(join(folder, name, 'kernel.json')));
  });
  return [...new Set(names)].sort();
}

function lookUp(name: string, folders: readonly string[]): KernelSpec | undefined {
  for (const folder of folders) {
    if (!existsSync(folder)) continue;
    const entry = readdirSync(folder).find(file => file.toLowerCase() === name.toLowerCase());
    const file = entry && join(folder, entry, 'kernel.json');
    if (file && existsSync(file)) return readKernelSpec(name, file);
  }
  return undefined;
}

/** Reads one kernel.json. Throws NbtestError 'kernelspec' when it is damaged. */
function readKernelSpec(name: string, file: string): KernelSpec {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    throw new NbtestError(
      'kernelspec',
      `The kernelspec ${file} cannot be read (${messageOf(error)}): reinstall it`,
    );
  }
  const argv = json.argv;
  if (!Array.isArray(argv) || argv.length === 0 || !argv.every(arg => typeof arg === 'string')) {
    throw new NbtestError(
      'kernelspec',
      `The kernelspec ${file} has no command in "argv": reinstall the kernel`,
    );
  }
  const folder = dirname(file);
  return {
    name,
    displayName: typeof json.display_name === 'string' ? json.display_name : name,
    language: typeof json.language === 'string' ? json.language : '',
    argv: [pythonBeside(folder, argv[0]), ...argv.slice(1)],
    env: (json.env ?? {}) as Record<string, string>,
    interruptMode: json.interrupt_mode === 'message' ? 'message' : 'signal',
    folder,
  };
}

// Jupyter runs a bare "python" with its own interpreter; ours is the one of the environment that the spec lies in.
function pythonBeside(folder: string, command: string): string {
  if (!/^python[0-9.]*$/.test(command)) return command;
  const prefix = resolve(folder, '..', '..', '..', '..');
  const python = process.platform === 'win32' ? join(prefix, 'python.exe') : join(prefix, 'bin', 'python');
  return existsSync(python) ? python : command;
}

function tslabFromNodeModules(name: string, from: string): KernelSpec | undefined {
  if (name !== 'tslab' && name !== 'jslab') return undefined;
  for (const folder of foldersUp(from)) {
    const bin = join(folder, 'node_modules', 'tslab', 'bin', 'tslab');
    if (!existsSync(bin)) continue;
    const argv = [process.execPath, bin, 'kernel', '--config-path', '{connection_file}'];
    if (name === 'jslab') argv.push('--js');
    return {
      name,
      displayName: name === 'jslab' ? 'JavaScript' : 'TypeScript',
      language: name === 'jslab' ? 'javascript' : 'typescript',
      argv,
      env: {},
      interruptMode: 'signal',
      folder: dirname(bin),
      cwd: folder, // tslab imports only what lies below the folder it runs in.
    };
  }
  return undefined;
}

function* foldersUp(from: string): Generator<string> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    yield folder;
    if (dirname(folder) === folder) return;
  }
}

let prefixes: Record<string, string | undefined> = {};

function pythonPrefix(env: NodeJS.ProcessEnv): string | undefined {
  const path = env.PATH ?? '';
  if (path in prefixes) return prefixes[path];
  let prefix: string | undefined;
  for (const python of ['python3', 'python']) {
    try {
      prefix = execFileSync(python, ['-c', 'import sys; print(sys.prefix)'], {
        env,
        encoding: 'utf8',
        timeout: 10000,
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
      break;
    } catch {
      // No such Python.
    }
  }
  prefixes = { ...prefixes, [path]: prefix };
  return prefix;
}
