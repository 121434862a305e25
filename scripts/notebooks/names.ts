import { path } from 'zx';

/**
 * Short names for files: their paths relative to the deepest folder that holds them all, so that no two files have the
 * same; of files in one folder the bare names.
 */
export function shortNames(files: readonly string[]): string[] {
  const all = files.map(file => path.resolve(file));
  const common = all.map(path.dirname).reduce(commonFolder, all.length > 0 ? path.dirname(all[0]) : '');
  return all.map(file => path.relative(common, file));
}

function commonFolder(a: string, b: string): string {
  const [one, other] = [a.split(path.sep), b.split(path.sep)];
  const differ = one.findIndex((part, i) => part !== other[i]);
  return differ < 0 ? a : one.slice(0, differ).join(path.sep) || path.sep;
}
