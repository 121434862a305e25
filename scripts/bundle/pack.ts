/** Puts together what a run on another machine needs: program, Node and experiments; images and the state of unfinished runs. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { $, quote } from 'zx';
import { UserError } from '../../src/errors';
import { currentCommit } from '../../src/train/record';
import { IMAGES } from './images';
import { readQueue } from './queueFile';
import { CACHE, cacheFiles, isWanted, runFiles } from './results';

export interface BundleOptions {
  /** The project's folder. */
  root: string;
  /** Where the parts are written; emptied first. */
  out: string;
  /** Largest size of one part in bytes. */
  partBytes: number;
  /** Takes unfinished runs' checkpoints along, so that they go on there. Default true. */
  state?: boolean;
  /** Leaves out the images and the states: the program alone is tried on a first trip. Default false. */
  programOnly?: boolean;
  /** How hard xz tries, 0 to 9. Default 6. */
  effort?: number;
}

/** What a bundle consists of, in bytes. */
export interface Bundle {
  parts: string[];
  /** Of the program's parts. */
  appBytes: number;
  /** Of the images' parts, 0 where they are left out. */
  dataBytes: number;
}

/** The native add-on, which the program loads from node_modules as it is. */
const KOFFI = ['koffi', path.join('@koromix', 'koffi-linux-x64')];
const TEMPLATES = path.join('scripts', 'bundle');
/** The bundle's programs, run-NAME, each from a file NAME.ts. */
const PROGRAMS = ['queue', 'speedrun', 'smoke'];

/**
 * Makes the bundle: unpack.sh, parts.sha256, program.part01 … and, unless they are left out, images.part01 ….
 * @throws UserError when this is not Linux on x86-64, whose Node and add-ons travel, a program that it needs is missing, or the parts are too small
 */
export async function makeBundle(options: BundleOptions): Promise<Bundle> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new UserError(`The bundle takes along this machine's Node, so make it on Linux x86-64, not ${process.platform} ${process.arch}.`); // prettier-ignore
  const { root, out, partBytes } = options;
  fs.rmSync(out, { recursive: true, force: true });
  const app = path.join(out, 'app');
  await stageApp(root, app);
  const program = await packFolder(app, 'program', partBytes, options.effort ?? 6);
  const lines = [...program.lines];
  let dataBytes = 0;
  if (!options.programOnly) {
    const data = path.join(out, 'data');
    stageData(root, data, options.state ?? true);
    const images = await packFolder(data, 'images', partBytes);
    lines.push(...images.lines);
    dataBytes = images.bytes;
  }
  fs.writeFileSync(path.join(out, 'parts.sha256'), `${lines.join('\n')}\n`);
  fs.copyFileSync(path.join(root, TEMPLATES, 'unpack.sh'), path.join(out, 'unpack.sh'));
  return { parts: lines.map(line => line.split('  ')[1]), appBytes: program.bytes, dataBytes };
}

/** Packs a folder into parts beside it, and removes it. */
async function packFolder(
  folder: string,
  name: 'program' | 'images',
  partBytes: number,
  effort?: number,
): Promise<{ lines: string[]; bytes: number }> {
  const file = `${folder}.tar`;
  await archive(folder, file, effort);
  fs.rmSync(folder, { recursive: true });
  const bytes = fs.statSync(file).size;
  requireFewParts(bytes, partBytes);
  const lines = await cut(file, path.join(path.dirname(folder), name), partBytes);
  fs.rmSync(file);
  return { lines, bytes };
}

/**
 * Parts are named by two digits.
 * @throws UserError when there would be more than 99
 */
export function requireFewParts(bytes: number, partBytes: number): void {
  const most = 99;
  if (bytes <= most * partBytes) return;
  const least = Math.ceil(bytes / most / 1e6);
  throw new UserError(`There would be more than ${most} parts: give --part-mb ${least} or more.`);
}

/** Programs, Node, native add-on and experiments: what shrinks. */
async function stageApp(root: string, folder: string): Promise<void> {
  await build({
    entryPoints: PROGRAMS.map(name => path.join(root, TEMPLATES, `${name}.ts`)),
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['koffi', IMAGES],
    logLevel: 'error',
  });
  await copyNode(path.join(folder, 'node'));
  for (const name of KOFFI) {
    const from = path.join(root, 'node_modules', name);
    const skipped = ['doc', 'vendor', 'lib', 'musl_x64'].map(each => path.join(from, each));
    copy(from, path.join(folder, 'node_modules', name), file => !skipped.includes(file));
  }
  const script = fs.readFileSync(path.join(root, TEMPLATES, 'run.sh'), 'utf8');
  for (const program of PROGRAMS) {
    const filled = script.replace('=COMMIT', `=${currentCommit()}`).replace('PROGRAM.js', `${program}.js`);
    fs.writeFileSync(path.join(folder, `run-${program}`), filled, { mode: 0o755 });
  }
  const { name, version } = readJson(path.join(root, 'package.json'));
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, version }));
  readQueue(path.join(root, 'experiments', 'queue.yaml'));
  copy(path.join(root, 'experiments'), path.join(folder, 'experiments'));
}

/** This machine's Node, without its symbols where `strip` is there and what it leaves runs. */
async function copyNode(file: string): Promise<void> {
  const plain = (): void => {
    fs.copyFileSync(process.execPath, file);
    fs.chmodSync(file, 0o755);
  };
  plain();
  const stripped = await $({ quote })`strip ${file} && ${file} --version`.quiet().nothrow();
  if (stripped.exitCode !== 0) plain();
}

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;
}

/** Images, what runs have written so far, and what XLA has measured and compiled on such machines. */
export function stageData(root: string, folder: string, state: boolean): void {
  copy(path.join(root, 'node_modules', IMAGES), path.join(folder, 'node_modules', IMAGES));
  const files = runFiles(root).filter(file => file.startsWith(`records${path.sep}`));
  for (const file of files) {
    const wanted =
      file.endsWith('.json') || (state && isWanted(file, files) && !file.endsWith('final.safetensors'));
    if (wanted) copy(path.join(root, file), path.join(folder, file));
  }
  for (const file of cacheFiles(path.join(root, CACHE)))
    copy(path.join(root, CACHE, file), path.join(folder, CACHE, file));
}

function copy(from: string, to: string, filter?: (file: string) => boolean): void {
  fs.cpSync(from, to, { recursive: true, dereference: true, filter });
}

/** tar of a folder's content, the same for the same files; compressed when `effort` is given. */
async function archive(folder: string, file: string, effort?: number): Promise<void> {
  const plain = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=2000-01-01'];
  const flags = effort === undefined ? plain : [...plain, '--xz'];
  const shell = $({ env: { ...process.env, XZ_OPT: `-${effort ?? 0} -T0` }, quote });
  const done = await shell`tar ${flags} -cf ${file} -C ${folder} .`.quiet().nothrow();
  if (done.exitCode !== 0) throw new UserError(`tar failed (${done.stderr.trim()}): install tar and xz.`);
}

/**
 * Cuts a file into parts NAME.part01 ….
 * @returns lines of them for `sha256sum --check`
 */
async function cut(file: string, name: string, partBytes: number): Promise<string[]> {
  const lines: string[] = [];
  let pending = Buffer.alloc(0);
  const write = (bytes: Buffer): void => {
    const part = `${name}.part${String(lines.length + 1).padStart(2, '0')}`;
    fs.writeFileSync(part, bytes);
    lines.push(`${createHash('sha256').update(bytes).digest('hex')}  ${path.basename(part)}`);
  };
  for await (const chunk of fs.createReadStream(file, { highWaterMark: 8 << 20 })) {
    pending = Buffer.concat([pending, chunk as Buffer]);
    for (; pending.length >= partBytes; pending = pending.subarray(partBytes))
      write(pending.subarray(0, partBytes));
  }
  if (pending.length > 0) write(pending);
  return lines;
}
