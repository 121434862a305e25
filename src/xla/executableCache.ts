/**
 * Compiled programs on disk, so that the second start of the same run does not compile again.
 *
 * One file a program, named by the platform (`cuda-….xla`) and a hash of all that the compiled code depends on: the program's
 * text, the options, the plugin (name, version, file), the device's kind, the processor's features or the driver, and our own
 * kernels, which programs call. Its time of change is that of its making, its time of access that of its last use. A file carries a checksum of its own: one that is cut off or damaged is deleted and the program compiled,
 * as if it had not been there. Files are written under another name first, so that processes can share a folder.
 */
import * as crypto from 'crypto';
import * as fs from 'fs';
import * as path from 'path';
import { cacheFolder } from './folders';
import { kernelsKey } from './native/build';
import {
  type CompileOptions,
  encodeCompileOptions,
  hardwareKey,
  type PjrtClient,
  type PjrtExecutable,
} from './pjrt';

export interface CacheOptions {
  /** Default: the folder XLA_CACHE names, or `.cache/xla` in the project. */
  readonly folder?: string;
  /** Bytes of all programs together; those not used for longest are deleted. Default 2 GiB. */
  readonly maxBytes?: number;
  /** Programs that compile faster than this are not kept. Default 500 ms; 100 ms on GPUs, where XLA measures kernels even for small ones. */
  readonly minCompileMs?: number;
}

const EXTENSION = '.xla';
const DRAFT = '.draft';
/** A draft that is older was left by a process that is gone. */
const DRAFT_AGE_MS = 3_600_000;
const MAGIC = Buffer.from('XLA-EXE1');
const DIGEST_BYTES = 32;

const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = crypto.createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part); // lengths keep the parts apart
  return hash.digest();
};

export class ExecutableCache {
  readonly folder: string;
  private readonly minCompileMs: number;
  private readonly maxBytes: number;
  private readonly platform: string;

  constructor(
    private readonly client: PjrtClient,
    options: CacheOptions = {},
  ) {
    this.folder = options.folder ?? path.join(cacheFolder(), 'programs');
    this.maxBytes = options.maxBytes ?? 2 * 2 ** 30;
    const { plugin, platformName, platformVersion, apiVersion, devices } = client;
    const gpu = plugin.kind === 'cuda' || plugin.kind === 'rocm';
    this.minCompileMs = options.minCompileMs ?? (gpu ? 100 : 500);
    const { size, mtimeMs } = fs.statSync(plugin.path);
    this.platform = JSON.stringify([
      ...[plugin.name, plugin.version, size, mtimeMs, platformName, platformVersion, apiVersion],
      ...[client.attributes, devices.map(device => device.kind), hardwareKey(plugin.kind)],
      process.env.XLA_FLAGS ?? '',
      platformName === 'cpu' ? kernelsKey() : '',
    ]);
  }

  /** The program as an earlier process compiled it; undefined if there is none that loads. */
  load(program: string, options: CompileOptions): PjrtExecutable | undefined {
    const key = this.key(program, options);
    const serialized = this.read(key);
    if (!serialized) return undefined;
    try {
      return this.client.load(serialized);
    } catch {
      this.discard(key);
      return undefined;
    }
  }

  /** As `load`, off the event loop. */
  async loadAsync(program: string, options: CompileOptions): Promise<PjrtExecutable | undefined> {
    const key = this.key(program, options);
    const serialized = this.read(key);
    if (!serialized) return undefined;
    try {
      return await this.client.loadAsync(serialized);
    } catch {
      this.discard(key);
      return undefined;
    }
  }

  /** Keeps a program that took `compileMs` to compile, if that is long. Never fails: at worst it is not kept. */
  store(program: string, options: CompileOptions, executable: PjrtExecutable, compileMs: number): void {
    if (compileMs < this.minCompileMs || callsOneDnn(options)) return;
    let serialized: Uint8Array;
    try {
      serialized = executable.serialize();
    } catch {
      return; // this plugin can't serialize this program
    }
    this.write(this.key(program, options), serialized);
  }

  /** The name under which a program is kept. */
  private key(program: string, options: CompileOptions): string {
    return sha256(this.platform, encodeCompileOptions(options), program).toString('hex');
  }

  private file(key: string): string {
    const platform = this.client.platformName.replace(/\W/g, '_');
    return path.join(this.folder, `${platform}-${key}${EXTENSION}`);
  }

  /** The serialized program; undefined if there is none, or it is damaged. */
  private read(key: string): Uint8Array | undefined {
    const file = this.file(key);
    let bytes: Buffer;
    try {
      bytes = fs.readFileSync(file);
    } catch {
      return undefined;
    }
    const start = MAGIC.length + DIGEST_BYTES;
    const body = bytes.subarray(start);
    const sound =
      bytes.length > start &&
      bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
      bytes.subarray(MAGIC.length, start).equals(sha256(key, body));
    if (!sound) {
      this.discard(key);
      return undefined;
    }
    try {
      fs.utimesSync(file, new Date(), fs.statSync(file).mtime); // used now: the last to be deleted
    } catch {
      // a folder that can only be read still serves
    }
    return body;
  }

  /** A folder that can't be written, or a full disk, only means that the program is not kept. */
  private write(key: string, serialized: Uint8Array): void {
    const draft = path.join(this.folder, `${key}.${process.pid}${DRAFT}`);
    try {
      fs.mkdirSync(this.folder, { recursive: true });
      fs.writeFileSync(draft, Buffer.concat([MAGIC, sha256(key, serialized), serialized]));
      fs.renameSync(draft, this.file(key));
      this.shrink();
    } catch {
      remove(draft);
    }
  }

  private discard(key: string): void {
    remove(this.file(key));
  }

  /** Deletes what is too much, and the drafts of processes that were killed. */
  private shrink(): void {
    const names = fs.readdirSync(this.folder);
    for (const name of names.filter(each => each.endsWith(DRAFT))) {
      const file = path.join(this.folder, name);
      if (Date.now() - statOf(file).mtimeMs > DRAFT_AGE_MS) remove(file);
    }
    const files = names
      .filter(name => name.endsWith(EXTENSION))
      .map(name => ({ file: path.join(this.folder, name), ...statOf(path.join(this.folder, name)) }))
      .sort((a, b) => b.atimeMs - a.atimeMs);
    let total = 0;
    for (const { file, size } of files) {
      total += size;
      if (total > this.maxBytes) remove(file);
    }
  }
}

/**
 * Whether programs may call oneDNN: writing such a program down ends the process (std::bad_alloc in the serializer of
 * lammps-jax-pjrt-cpu 0.11.2).
 */
function callsOneDnn({ flags }: CompileOptions): boolean {
  const flag = 'xla_cpu_experimental_onednn_custom_call';
  const inEnvironment = new RegExp(`${flag}(?!=(false|0))`).test(process.env.XLA_FLAGS ?? '');
  return Boolean(flags?.[flag] ?? inEnvironment);
}

/** Deletes a file, or leaves it where that is not allowed. */
function remove(file: string): void {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // nothing depends on it
  }
}

/** Size and times of a file, zeros if another process has just deleted it. */
function statOf(file: string): { size: number; mtimeMs: number; atimeMs: number } {
  const none = { size: 0, mtimeMs: 0, atimeMs: 0 };
  const { size, mtimeMs, atimeMs } = fs.statSync(file, { throwIfNoEntry: false }) ?? none;
  return { size, mtimeMs, atimeMs };
}
