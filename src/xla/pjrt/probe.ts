/**
 * Tries a plugin in a process of its own, so that a bad library – one that crashes, is for another processor, or is no
 * plugin – costs that process and not ours. What was found is kept by the file's time and size and by the settings.
 */
import { spawnSync } from 'child_process';
import * as fs from 'fs';
import * as path from 'path';
import { cacheFolder } from '../folders';
import { STACK } from './api';
import { hardwareKey } from './hardware';
import { librariesBefore } from './platform';
import { type Plugin } from './types';

/** A plugin that takes longer to start hangs. GPUs without a daemon that keeps them awake take up to a minute each. */
const timeLimitMs = ({ kind }: Plugin): number => (kind === 'cpu' ? 60_000 : 300_000);
/** PJRT_Api must reach at least to this slot, Buffer_ReadyEvent: nothing works without those before it. */
const NEEDED_SLOTS = 78;

/** What the child runs. It prints a line before each stage, and `FAILED` and why when a stage fails. */
const CHILD = `
const [koffiPath, plugin, libraries, preallocates] = process.argv.slice(1);
const koffi = require(koffiPath);
koffi.config({ sync_stack_size: ${STACK}, async_stack_size: ${STACK} });
const say = text => require('fs').writeSync(1, text + '\\n');
const fail = why => { say('FAILED ' + String(why).split('\\n')[0].replace(/\\.$/, '')); process.exit(0); };
say('loading');
for (const library of JSON.parse(libraries)) try { koffi.load(library); } catch {}
let table;
try { table = koffi.load(plugin).func('void* GetPjrtApi()')(); } catch (error) { fail(error.message); }
if (!table) fail('GetPjrtApi returns nothing');
const u64 = (address, slot) => new DataView(koffi.view(address, 8 * (slot + 1))).getBigUint64(8 * slot, true);
const size = Number(u64(table, 0));
const version = new DataView(koffi.view(table, 40));
const [major, minor] = [version.getInt32(32, true), version.getInt32(36, true)];
if (major !== 0) fail('it speaks PJRT ' + major + '.' + minor + '; this program knows 0.x');
if (size < 8 * ${NEEDED_SLOTS}) fail('its PJRT API, ' + major + '.' + minor + ', is too old: it lacks functions that are needed');
const call = koffi.proto('void*', ['void*']);
const struct = (...slots) => {
  const bytes = Buffer.alloc(8 * (slots.length + 10));
  bytes.writeBigUInt64LE(BigInt(bytes.length), 0);
  slots.forEach((slot, i) => bytes.writeBigUInt64LE(BigInt(slot), 16 + 8 * i));
  return bytes;
};
const run = (slot, args) => {
  const error = koffi.call(u64(table, slot), call, args);
  if (!error) return;
  const said = struct(error, 0, 0);
  koffi.call(u64(table, 6), call, said);
  const text = Buffer.from(koffi.view(said.readBigUInt64LE(24), Number(said.readBigUInt64LE(32)))).toString();
  fail(text);
};
say('initializing');
run(8, struct());
say('opening');
const option = Buffer.alloc(56); // a GPU's memory is left to the process that has it: preallocate = false
const name = Buffer.from('preallocate');
[56n, 0n, koffi.address(name), BigInt(name.length), 4n, 0n, 1n].forEach((x, i) => option.writeBigUInt64LE(x, 8 * i));
const given = preallocates === 'true' ? 1 : 0;
run(15, struct(given ? koffi.address(option) : 0, given, 0, 0, 0, 0, 0, 0, 0));
say('WORKS');
process.kill(process.pid, 'SIGKILL');
`;

/** Results kept of a plugin: one each of the newest stamps, so that going from one XLA_FLAGS to another and back tries it only once. */
const KEPT = 8;

interface Known {
  /** All that the result depends on. */
  readonly stamp: string;
  /** Why the plugin can't be used; null if it can. */
  readonly failure: string | null;
}

const cacheFile = (): string => path.join(cacheFolder(), 'plugins.json');

/** What is kept, by the plugins' files, the newest first. */
function readKnown(): Record<string, Known[] | undefined> {
  try {
    const known: unknown = JSON.parse(fs.readFileSync(cacheFile(), 'utf8'));
    if (typeof known !== 'object' || known === null) return {};
    return Object.fromEntries(Object.entries(known).filter(([, results]) => Array.isArray(results)));
  } catch {
    return {};
  }
}

function keep(plugin: Plugin, known: Known): void {
  try {
    fs.mkdirSync(cacheFolder(), { recursive: true });
    const draft = `${cacheFile()}.${process.pid}`;
    const all = readKnown();
    const others = Object.entries(all).filter(([file]) => fs.existsSync(file));
    const before = (all[plugin.path] ?? []).filter(({ stamp }) => stamp !== known.stamp);
    const results = [known, ...before].slice(0, KEPT);
    fs.writeFileSync(
      draft,
      JSON.stringify({ ...Object.fromEntries(others), [plugin.path]: results }, undefined, 1),
    );
    fs.renameSync(draft, cacheFile());
  } catch {
    // A folder that can't be written costs time at the next start, nothing else.
  }
}

/** In which stage it ended, and why; no `failure`: it works. */
function run(plugin: Plugin): { stage: string; failure?: string } {
  const gpu = plugin.kind === 'cuda' || plugin.kind === 'rocm';
  const child = spawnSync(
    process.execPath,
    [
      ...['-e', CHILD, require.resolve('koffi'), plugin.path],
      ...[JSON.stringify(librariesBefore(plugin)), String(gpu)],
    ],
    {
      env: { ...process.env, NODE_OPTIONS: '', TF_CPP_MIN_LOG_LEVEL: '3' },
      stdio: ['ignore', 'pipe', 'pipe'],
      encoding: 'utf8',
      timeout: timeLimitMs(plugin),
    },
  );
  const lines = (child.stdout ?? '').trim().split('\n');
  const last = lines.pop() ?? '';
  const failed = last.startsWith('FAILED ') ? last.slice('FAILED '.length) : undefined;
  const stage = (failed === undefined ? last : lines.pop()) ?? '';
  if (last === 'WORKS') return { stage };
  if (failed !== undefined) {
    return { stage, failure: stage === 'loading' ? `it does not load as a PJRT plugin: ${failed}` : failed };
  }
  if ((child.error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT')
    return { stage, failure: `it hangs while ${stage} (${timeLimitMs(plugin) / 1000} s)` };
  const fatal = /^F\d{4} .*?\] (.*)$/m.exec(child.stderr ?? '')?.[1]; // XLA's log of why it gave up
  const how = [child.signal ?? `exit code ${child.status}`, fatal].filter(Boolean).join(': ');
  return { stage, failure: `it crashes while ${stage || 'starting'} (${how})` };
}

/** Why a plugin can't be used; undefined if it can. Fast but for the first time, which loads it in another process. */
export function probe(plugin: Plugin): string | undefined {
  let stamp: string;
  try {
    const { mtimeMs, size } = fs.statSync(plugin.path);
    const { XLA_FLAGS = '' } = process.env; // an unknown flag there ends the process
    stamp = [mtimeMs, size, process.version, XLA_FLAGS, hardwareKey(plugin.kind)].join(' ');
  } catch (error) {
    return (error as Error).message;
  }
  const known = readKnown()[plugin.path]?.find(result => result.stamp === stamp);
  if (known) return known.failure ?? undefined;
  const { stage, failure } = run(plugin);
  // A device that is busy now may be free next time; a library that does not load will not.
  if (!failure || stage === 'loading') keep(plugin, { stamp, failure: failure ?? null });
  return failure;
}
