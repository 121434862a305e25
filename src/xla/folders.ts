/** Folders outside of the source: the project's, and the one for caches. */
import * as fs from 'fs';
import * as path from 'path';

/** The nearest folder at or above `start` that holds one of `names`. */
function above(start: string, ...names: string[]): string | undefined {
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (names.some(name => fs.existsSync(path.join(folder, name)))) return folder;
    if (folder === path.dirname(folder)) return undefined;
  }
}

/** Where the program is that this source is installed for, the folder of its `node_modules`; undefined: not installed. */
export function installedFor(source = __dirname): string | undefined {
  const at = source.indexOf(`${path.sep}node_modules${path.sep}`);
  return at < 0 ? undefined : path.resolve(source.slice(0, at + 1));
}

/** The working folder's project and this source's own, nearest first: both may hold a `.venv` with plugins. */
export function projectFolders(): string[] {
  const folders = [process.cwd(), installedFor() ?? __dirname].map(start =>
    above(start, '.venv', 'package.json'),
  );
  return [...new Set(folders.filter((folder): folder is string => folder !== undefined))];
}

/** Where what can be made again is kept: XLA_CACHE (unless it says `off`), or `.cache/xla` in the project. Not made here. */
export function cacheFolder(): string {
  const given = process.env.XLA_CACHE;
  return given && given !== 'off' ? given : path.join(projectFolders()[0] ?? process.cwd(), '.cache', 'xla');
}
