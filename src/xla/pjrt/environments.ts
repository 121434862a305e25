/** Python environments in which pip may have put plugins. Looks at files; starts no Python. */
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { projectFolders } from '../folders';

/** A folder of packages, and what it is to the person. */
export interface PackageFolder {
  readonly folder: string;
  /** '.venv', 'VIRTUAL_ENV', 'CONDA_PREFIX', 'python3', 'user', 'PYTHONPATH'. */
  readonly source: string;
}

/** The names in a folder, sorted; none where it can't be read. */
export const entriesOf = (folder: string): string[] => {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
};

/** site-packages (Debian: dist-packages) under an environment's prefix. */
function packagesUnder(prefix: string): string[] {
  const folders = ['lib', 'lib64'].flatMap(lib =>
    entriesOf(path.join(prefix, lib))
      .filter(name => /^python3(\.\d+)?t?$/.test(name))
      .flatMap(name => ['site-packages', 'dist-packages'].map(kind => path.join(prefix, lib, name, kind))),
  );
  return folders.filter(folder => fs.existsSync(folder));
}

/** The environment of the first `python3` on PATH: a virtual environment's own, else where Python is installed. */
function activePython(): string[] {
  for (const bin of (process.env.PATH ?? '').split(path.delimiter)) {
    const python = path.join(bin, 'python3');
    if (!bin || !fs.existsSync(python)) continue;
    const prefix = path.dirname(bin);
    if (fs.existsSync(path.join(prefix, 'pyvenv.cfg'))) return [prefix];
    const installed = path.dirname(path.dirname(fs.realpathSync(python)));
    return [...new Set([prefix, installed, ...(installed === '/usr' ? ['/usr/local'] : [])])];
  }
  return [];
}

/** All folders of Python packages that a person here would expect plugins in, the project's first. */
export function packageFolders(): PackageFolder[] {
  const { VIRTUAL_ENV, CONDA_PREFIX, PYTHONUSERBASE, PYTHONPATH = '' } = process.env;
  const under = (...prefixes: (string | undefined)[]): string[] =>
    prefixes.flatMap(prefix => (prefix ? packagesUnder(prefix) : []));
  const places: [source: string, folders: string[]][] = [
    ['.venv', under(...projectFolders().map(folder => path.join(folder, '.venv')))],
    ['VIRTUAL_ENV', under(VIRTUAL_ENV)],
    ['CONDA_PREFIX', under(CONDA_PREFIX)],
    ['python3', under(...activePython())],
    ['user', under(PYTHONUSERBASE || path.join(os.homedir(), '.local'))],
    ['PYTHONPATH', PYTHONPATH.split(path.delimiter).filter(folder => folder && fs.existsSync(folder))],
  ];
  const seen = new Set<string>();
  const found: PackageFolder[] = [];
  for (const [source, folders] of places) {
    for (const folder of folders) {
      const real = fs.realpathSync(folder);
      if (!seen.has(real)) found.push({ folder, source });
      seen.add(real);
    }
  }
  return found;
}

/** Version of a pip package by its dist-info folder; undefined where there is none. */
export function packageVersion(folder: string, name: string): string | undefined {
  const start = `${name.replace(/-/g, '_')}-`;
  const info = entriesOf(folder).find(entry => entry.startsWith(start) && entry.endsWith('.dist-info'));
  return info?.slice(start.length, -'.dist-info'.length);
}
