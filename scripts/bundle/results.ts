/**
 * What a run on another machine brings home, in zip archives that are cut into parts small enough to be sent: `results` holds records,
 * weights, logs and unfinished checkpoints; `cache` what XLA measured and compiled there, which only saves time.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { unzipSync, type Zippable, zipSync } from 'fflate';
import { replaceFile } from '../../src/atomicFile';
import { UserError } from '../../src/errors';
import { checkpointStep } from '../../src/train/checkpoint';

/** Largest size of one part in bytes. */
export const PART_BYTES = 15_000_000;

type ArchiveName = 'results' | 'cache';

const listFile = (name: ArchiveName): string => `${name}.json`;
const partFile = (name: ArchiveName, part: number): string => `${name}.zip.${String(part).padStart(3, '0')}`;

/** Which part of the archive a file is, the first being 1; undefined where it is none. */
function partNumber(name: ArchiveName, file: string): number | undefined {
  const [, number] = /\.zip\.(\d{3})$/.exec(file) ?? [];
  return number !== undefined && file === partFile(name, Number(number)) ? Number(number) : undefined;
}

/** So that the same files give the same archive, whatever the clock says. */
const FIXED_TIME = new Date(2000, 0, 1);

/** What all parts of an archive together are; written beside them. */
interface List {
  /** Length of the archive in bytes and its sha256 in hex. */
  bytes: number;
  sha256: string;
  parts: number;
  /** A digest of the files' names, sizes and times, by which an archive is known that need not be written again. */
  files: string;
}

export interface PackOptions {
  /** Takes only files changed since then, in milliseconds since 1970. Default: all. */
  since?: number;
  /** Writes only these parts, the first being 1; those of the cache are counted on. Default: all. */
  parts?: readonly [from: number, to: number];
  /** XLA's cache. Default: .cache/xla in the project. */
  cache?: string;
}

/** How many parts there are in all. */
export interface Packed {
  results: number;
  cache: number;
}

/** A file to be sent, and its name in the project. */
interface Sent {
  name: string;
  file: string;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Folders of a project that runs write to. */
const WRITTEN = ['records', 'logs'];

/** XLA's cache in a project. */
export const CACHE = path.join('.cache', 'xla');
/** What of it is worth bringing home, and how its files are named; programs of a GPU, not those of a CPU. */
const KEPT: readonly (readonly [folder: string, name: RegExp])[] = [
  ['autotune', /^[^.].*$/],
  ['programs', /^(?!cpu-)\w+-[0-9a-f]{64}\.xla$/],
];

/** What XLA measured and compiled for GPUs, as paths from its cache, what was measured first. */
export function cacheFiles(cache: string): string[] {
  return KEPT.flatMap(([folder, pattern]) => {
    const place = path.join(cache, folder);
    if (!fs.existsSync(place)) return [];
    const files = fs.readdirSync(place, { withFileTypes: true }).filter(entry => entry.isFile());
    const names = files.map(({ name }) => name).filter(name => pattern.test(name));
    return names.sort().map(name => path.join(folder, name));
  });
}

/** Every file that runs wrote, as paths from the project's root, sorted. */
export function runFiles(root: string): string[] {
  const folders = WRITTEN.map(name => path.join(root, name)).filter(folder => fs.existsSync(folder));
  const entries = folders.flatMap(folder => fs.readdirSync(folder, { recursive: true, withFileTypes: true }));
  const files = entries.filter(entry => entry.isFile());
  return files.map(entry => path.relative(root, path.join(entry.parentPath, entry.name))).sort();
}

/** Whether a file is worth sending: a run that is finished needs its last weights; one that is not, what it goes on from. */
export function isWanted(file: string, files: readonly string[]): boolean {
  const name = path.basename(file);
  if (name.endsWith('.json') || name.startsWith('events.out')) return true;
  const finished = files.includes(path.join('records', `${path.basename(path.dirname(file))}.json`));
  if (finished) return name === 'final.safetensors';
  return name === 'checkpoint.safetensors' || name === 'best.safetensors';
}

/** Small and finished things first: they are in the first parts. */
const rank = (file: string): number =>
  ['.json', 'final.safetensors', 'checkpoint.safetensors'].findIndex(end => file.endsWith(end)) + 1 || 9;

/**
 * Packs what runs wrote: records/NAME.json, records/checkpoints/NAME/…, logs/…; and, as an archive of its own, what XLA keeps.
 *
 * @param root the project's folder
 * @param out is emptied of older parts
 */
export function packResults(root: string, out: string, options: PackOptions = {}): Packed {
  fs.mkdirSync(out, { recursive: true });
  const { since = 0, parts, cache = path.join(root, CACHE) } = options;
  const changed = ({ file }: Sent): boolean => fs.statSync(file).mtimeMs >= since;
  const all = runFiles(root);
  const results = all
    .filter(file => isWanted(file, all))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
    .map(name => ({ name, file: path.join(root, name) }));
  const kept = cacheFiles(cache).map(name => ({
    name: path.join(CACHE, name),
    file: path.join(cache, name),
  }));
  const first = writeArchive('results', results.filter(changed), out, parts);
  const counted = parts && ([parts[0] - first, parts[1] - first] as const);
  return { results: first, cache: writeArchive('cache', kept.filter(changed), out, counted) };
}

/**
 * Writes an archive's list and parts, unless they are there already.
 * @param range only these parts
 * @returns how many parts there are in all, 0 when there is nothing to send
 */
function writeArchive(
  name: ArchiveName,
  files: readonly Sent[],
  out: string,
  range?: PackOptions['parts'],
): number {
  const digest = digestOf(files);
  const before = files.length > 0 && !range ? writtenBefore(name, out, digest) : undefined;
  if (before) return before.parts;
  for (const file of fs.readdirSync(out))
    if (file === listFile(name) || partNumber(name, file)) fs.rmSync(path.join(out, file));
  if (files.length === 0) return 0;
  const content: Zippable = {};
  for (const sent of files) content[sent.name.split(path.sep).join('/')] = fs.readFileSync(sent.file);
  const archive = zipSync(content, { level: 0, mtime: FIXED_TIME });
  const parts = Math.ceil(archive.length / PART_BYTES);
  const list: List = { bytes: archive.length, sha256: sha256(archive), parts, files: digest };
  fs.writeFileSync(path.join(out, listFile(name)), JSON.stringify(list));
  const [from, to] = range ?? [1, parts];
  for (let part = Math.max(1, from); part <= Math.min(to, parts); part++)
    fs.writeFileSync(
      path.join(out, partFile(name, part)),
      archive.subarray((part - 1) * PART_BYTES, part * PART_BYTES),
    );
  return parts;
}

function digestOf(files: readonly Sent[]): string {
  const told = files.map(({ name, file }) => {
    const { size, mtimeMs } = fs.statSync(file);
    return [name, size, mtimeMs];
  });
  return sha256(Buffer.from(JSON.stringify(told)));
}

/** The list of an archive of the same files, if it lies there with all its parts. */
function writtenBefore(name: ArchiveName, out: string, digest: string): List | undefined {
  const file = path.join(out, listFile(name));
  if (!fs.existsSync(file)) return undefined;
  const list = JSON.parse(fs.readFileSync(file, 'utf8')) as List;
  const there = fs.readdirSync(out).filter(each => partNumber(name, each));
  return list.files === digest && there.length === list.parts ? list : undefined;
}

/**
 * Puts results in place. Files that are there are replaced, but never a finished run's by an unfinished one's, nor one that stands further by one
 * that stands less far. What XLA keeps is put into the project's cache, if all of it came.
 *
 * @param folders where the parts lie, in one folder or in several
 * @param root the project's folder
 * @param onWarning is told when the cache's parts are not complete
 * @returns the files written, as paths from there
 * @throws UserError when parts are missing, are of different results, or are damaged; nothing is then written
 */
export function collectResults(
  folders: readonly string[],
  root: string,
  onWarning: (message: string) => void = console.warn,
): string[] {
  const cacheAlone = listsOf('cache', folders).length > 0 && listsOf('results', folders).length === 0;
  const results = cacheAlone ? [] : putResults(joinParts('results', folders), root);
  return [...results, ...collectCache(folders, root, onWarning)];
}

function putResults(archive: Buffer, root: string): string[] {
  const content = contentOf(archive, WRITTEN);
  const written: string[] = [];
  const ahead = new Set(
    content.filter(([name, bytes]) => isAhead(path.join(root, name), bytes)).map(([name]) => runOf(name)),
  );
  for (const [name, bytes] of content) {
    const run = runOf(name);
    if (run && (ahead.has(run) || fs.existsSync(path.join(root, 'records', `${run}.json`)))) continue;
    replaceFile(path.join(root, name), bytes);
    written.push(name);
  }
  return written;
}

/** Without the cache a next machine measures and compiles again, no more: so what is wrong with it is only said. */
function collectCache(
  folders: readonly string[],
  root: string,
  onWarning: (message: string) => void,
): string[] {
  if (listsOf('cache', folders).length === 0) return [];
  try {
    const places = KEPT.map(([folder]) => `${CACHE.split(path.sep).join('/')}/${folder}`);
    const content = contentOf(joinParts('cache', folders), places);
    for (const [name, bytes] of content) replaceFile(path.join(root, name), bytes);
    return content.map(([name]) => name);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    onWarning(`What XLA measured and compiled there is left out: ${error.message}`);
    return [];
  }
}

/**
 * The files of an archive.
 * @throws UserError when one would lie outside of `places`
 */
function contentOf(archive: Buffer, places: readonly string[]): [name: string, bytes: Uint8Array][] {
  const content = Object.entries(unzipSync(archive));
  for (const [name] of content)
    if (!places.some(place => name.startsWith(`${place}/`)) || name.split(/[/\\]/).includes('..'))
      throw new UserError(`The results hold '${name}', which no run writes: they are not from this project.`);
  return content;
}

/** The run whose unfinished state a file holds. */
const runOf = (name: string): string | undefined =>
  /^records\/checkpoints\/([^/]+)\/(?:checkpoint|best)\.safetensors$/.exec(name)?.[1];

/** Whether the checkpoint in place stands further than the one that came. */
function isAhead(file: string, came: Uint8Array): boolean {
  if (path.basename(file) !== 'checkpoint.safetensors' || !fs.existsSync(file)) return false;
  return (checkpointStep(fs.readFileSync(file)) ?? 0) > (checkpointStep(came) ?? 0);
}

/** Lists of an archive in several folders. */
const listsOf = (name: ArchiveName, folders: readonly string[]): string[] =>
  folders.map(folder => path.join(folder, listFile(name))).filter(file => fs.existsSync(file));

function joinParts(name: ArchiveName, folders: readonly string[]): Buffer {
  const lists = listsOf(name, folders);
  if (lists.length === 0)
    throw new UserError(
      `There is no ${listFile(name)} in ${folders.join(', ')}: give the folder of the results.`,
    );
  const texts = new Set(lists.map(file => fs.readFileSync(file, 'utf8')));
  if (texts.size > 1)
    throw new UserError(`The folders hold parts of different results: ${lists.join(', ')}.`);
  const list = JSON.parse([...texts][0]) as List;
  const found = new Map<number, Buffer>();
  for (const folder of folders) {
    for (const file of fs.readdirSync(folder)) {
      const number = partNumber(name, file);
      if (number) found.set(number, fs.readFileSync(path.join(folder, file)));
    }
  }
  const numbers = Array.from({ length: list.parts }, (_, i) => i + 1);
  const missing = numbers.filter(number => !found.has(number)).map(number => partFile(name, number));
  if (missing.length)
    throw new UserError(`Of ${list.parts} parts, these are missing: ${missing.join(', ')} (run-queue --minutes 0 --parts FROM-TO writes them again).`); // prettier-ignore
  const archive = Buffer.concat(numbers.map(number => found.get(number)!));
  if (sha256(archive) !== list.sha256)
    throw new UserError(`The ${name === 'cache' ? 'cache is' : 'results are'} damaged: the check sum differs. Fetch the parts again.`); // prettier-ignore
  return archive;
}
