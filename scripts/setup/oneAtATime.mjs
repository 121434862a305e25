import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { dirname } from 'node:path';
import { SetupError } from './steps.mjs';

const POLL = 250;
/** Longer than any other process takes from finding a lock abandoned to writing itself into it. */
const SETTLE = 1000;
/** A lock without a process in it is one that is just being written, up to this age. */
const YOUNG = 10_000;

const pause = milliseconds => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** What a lock file says: its process, and whether that has ended without giving it back. Undefined when it was given back. */
function look(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    const written = statSync(lock).mtimeMs;
    if (!(pid > 0)) return { pid, abandoned: Date.now() - written > YOUNG };
    // Processes' numbers come again: after a start of the machine, and in containers.
    const older = written < Date.now() - uptime() * 1000;
    return { pid, abandoned: older || pid === process.pid || !isAlive(pid) };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function create(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Of several that take the same abandoned lock over, the last to write itself into it has it. */
function takeOver(lock) {
  const own = `${lock}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  renameSync(own, lock);
  pause(SETTLE);
  return look(lock)?.pid === process.pid;
}

function acquire(lock, say) {
  let said = false;
  while (!create(lock)) {
    const holder = look(lock);
    if (holder?.abandoned && takeOver(lock)) return;
    if (holder?.pid > 0 && !holder.abandoned && !said) {
      said = true;
      say(`set-up: waiting for another one, process ${holder.pid} (if there is none, remove ${lock}) …`);
    }
    if (holder) pause(POLL);
  }
}

/**
 * Does `what` while no other process does, by a lock file with the process's number in it. Waits, and says so, while another one
 * holds it; takes over what a process left that was killed.
 * @template T
 * @param {string} lock
 * @param {(line: string) => void} say
 * @param {() => T} what
 * @returns {T}
 */
export function oneAtATime(lock, say, what) {
  try {
    mkdirSync(dirname(lock), { recursive: true });
    acquire(lock, say);
  } catch (error) {
    if (!error.syscall) throw error;
    throw new SetupError(
      `${error.message}: the set-up must be able to write there, make it so and start again`,
    );
  }
  try {
    return what();
  } finally {
    if (look(lock)?.pid === process.pid) rmSync(lock, { force: true });
  }
}
