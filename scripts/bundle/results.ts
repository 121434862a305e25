/**
 * What a run on another machine brings home: records, weights, logs and unfinished checkpoints in one zip archive, cut into
 * parts that are small enough to be sent.
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

const PART = /^results\.zip\.(\d{3})$/;
const LIST = 'results.json';
/** So that the same files give the same archive, whatever the clock says. */
const FIXED_TIME = new Date(2000, 0, 1);

/** What all parts together are; written beside them. */
interface List {
  /** Length of the archive in bytes and its sha256 in hex. */
  bytes: number;
  sha256: string;
  parts: number;
}

export interface PackOptions {
  /** Takes only files changed since then, in milliseconds since 1970. Default: all. */
  since?: number;
  /** Writes only these parts, the first being 1. Default: all. */
  parts?: readonly [from: number, to: number];
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Folders of a project that runs write to. */
const WRITTEN = ['records', 'logs'];

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
 * Packs what runs wrote: records/NAME.json, records/checkpoints/NAME/…, logs/….
 *
 * @param root the project's folder
 * @param out is emptied of older results
 * @returns the number of parts that there are in all, 0 when nothing has changed
 */
export function packResults(root: string, out: string, options: PackOptions = {}): number {
  fs.mkdirSync(out, { recursive: true });
  for (const name of fs.readdirSync(out))
    if (PART.test(name) || name === LIST) fs.rmSync(path.join(out, name));
  const all = runFiles(root);
  const chosen = all
    .filter(file => isWanted(file, all) && fs.statSync(path.join(root, file)).mtimeMs >= (options.since ?? 0))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  if (chosen.length === 0) return 0;
  const content: Zippable = {};
  for (const file of chosen) content[file.split(path.sep).join('/')] = fs.readFileSync(path.join(root, file));
  const archive = zipSync(content, { level: 0, mtime: FIXED_TIME });
  const parts = Math.ceil(archive.length / PART_BYTES);
  const list: List = { bytes: archive.length, sha256: sha256(archive), parts };
  fs.writeFileSync(path.join(out, LIST), JSON.stringify(list));
  const [from, to] = options.parts ?? [1, parts];
  for (let part = from; part <= Math.min(to, parts); part++) {
    const file = path.join(out, `results.zip.${String(part).padStart(3, '0')}`);
    fs.writeFileSync(file, archive.subarray((part - 1) * PART_BYTES, part * PART_BYTES));
  }
  return parts;
}

/**
 * Puts results in place. Files that are there are replaced, but never a finished run's by an unfinished one's, nor one that stands further by one
 * that stands less far.
 *
 * @param folders where the parts lie, in one folder or in several
 * @param root the project's folder
 * @returns the files written, as paths from there
 * @throws UserError when parts are missing, are of different results, or are damaged; nothing is then written
 */
export function collectResults(folders: readonly string[], root: string): string[] {
  const archive = joinParts(folders);
  const content = Object.entries(unzipSync(archive));
  for (const [name] of content) {
    const parts = name.split(/[/\\]/);
    if (!WRITTEN.includes(parts[0]) || parts.includes('..'))
      throw new UserError(`The results hold '${name}', which no run writes: they are not from this project.`);
  }
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

/** The run whose unfinished state a file holds. */
const runOf = (name: string): string | undefined =>
  /^records\/checkpoints\/([^/]+)\/(?:checkpoint|best)\.safetensors$/.exec(name)?.[1];

/** Whether the checkpoint in place stands further than the one that came. */
function isAhead(file: string, came: Uint8Array): boolean {
  if (path.basename(file) !== 'checkpoint.safetensors' || !fs.existsSync(file)) return false;
  return (checkpointStep(fs.readFileSync(file)) ?? 0) > (checkpointStep(came) ?? 0);
}

function joinParts(folders: readonly string[]): Buffer {
  const lists = folders.map(folder => path.join(folder, LIST)).filter(file => fs.existsSync(file));
  if (lists.length === 0)
    throw new UserError(`There is no ${LIST} in ${folders.join(', ')}: give the folder of the results.`);
  const texts = new Set(lists.map(file => fs.readFileSync(file, 'utf8')));
  if (texts.size > 1)
    throw new UserError(`The folders hold parts of different results: ${lists.join(', ')}.`);
  const list = JSON.parse([...texts][0]) as List;
  const found = new Map<number, Buffer>();
  for (const folder of folders) {
    for (const name of fs.readdirSync(folder)) {
      const number = Number(PART.exec(name)?.[1] ?? 0);
      if (number > 0) found.set(number, fs.readFileSync(path.join(folder, name)));
    }
  }
  const numbers = Array.from({ length: list.parts }, (_, i) => i + 1);
  const missing = numbers.filter(number => !found.has(number));
  if (missing.length)
    throw new UserError(`Of ${list.parts} parts, these are missing: ${missing.join(', ')} (run-queue --minutes 0 --parts FROM-TO writes them again).`); // prettier-ignore
  const archive = Buffer.concat(numbers.map(number => found.get(number)!));
  if (sha256(archive) !== list.sha256)
    throw new UserError('The results are damaged: their check sum differs. Fetch them again.');
  return archive;
}
