import { type Config } from '@jest/types';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join, relative, resolve, sep } from 'node:path';
import { NbtestError } from '../errors';

/** Where a jest project has its files. */
export type JestPlaces = Pick<Config.ProjectConfig, 'rootDir' | 'roots' | 'testPathIgnorePatterns'>;

/** A file's place in a folder of reports: the same as in `rootDir`, so that no two notebooks have the same. */
export function placeBelow(folder: string, rootDir: string, path: string): string {
  const parts = relative(rootDir, path).split(sep);
  return join(folder, ...parts.map(part => (part === '..' ? '__' : part))); // Never out of the folder.
}

/**
 * What `byName` holds for a notebook: under its path relative to `rootDir`, or else under its file name. Throws NbtestError
 * 'usage' if that name is another notebook's, too; files in the folder `except` do not count.
 */
export function entryFor<T>(
  byName: Readonly<Record<string, T>>,
  path: string,
  places: JestPlaces,
  except?: string,
): T | undefined {
  const exact = Object.keys(byName).find(key => resolve(places.rootDir, key) === path);
  if (exact !== undefined) return byName[exact];
  const name = basename(path);
  if (!Object.hasOwn(byName, name) || existsSync(join(places.rootDir, name))) return undefined;
  const found = namesakes(path, places, except);
  if (found.length === 1) return byName[name];
  const all = found.map(file => relative(places.rootDir, file)).join(' and ');
  throw new NbtestError(
    'usage',
    `notebooks[${JSON.stringify(name)}] in jest's configuration names ${all}: give the path that is meant, relative to rootDir`,
  );
}

/** The files of the notebook's name where jest looks for tests, itself first. */
function namesakes(path: string, { roots, testPathIgnorePatterns }: JestPlaces, except?: string): string[] {
  const ignored = testPathIgnorePatterns.map(pattern => new RegExp(pattern));
  const found = roots
    .flatMap(root => filesNamed(basename(path), root, except))
    .filter(file => !ignored.some(pattern => pattern.test(file)));
  return [...new Set([path, ...found.sort()])];
}

function filesNamed(name: string, folder: string, except?: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return entry.name === name ? [path] : [];
    const searched = entry.isDirectory() && !/^\.|^node_modules$/.test(entry.name) && path !== except;
    return searched ? filesNamed(name, path, except) : [];
  });
}
