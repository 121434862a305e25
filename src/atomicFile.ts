/** Files that appear whole or not at all. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from './errors';

/**
 * Replaces a file by one with these bytes. They are on the disk before the name is given to them: a crash, a kill or a full disk
 * at any moment leaves the old file, or the new one, never a part.
 *
 * @param keep the old file is kept under this name (for a moment, then, `file` does not exist and `keep` does)
 * @throws the system's error, when nothing has changed
 */
export function replaceFile(file: string, bytes: Uint8Array | string, keep?: string): void {
  const folder = path.dirname(file);
  fs.mkdirSync(folder, { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  try {
    const descriptor = fs.openSync(partial, 'w');
    try {
      fs.writeFileSync(descriptor, bytes);
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    const kept = keep !== undefined && fs.existsSync(file);
    if (kept) fs.renameSync(file, keep);
    try {
      fs.renameSync(partial, file);
    } catch (error) {
      if (kept) fs.renameSync(keep, file);
      throw error;
    }
  } catch (error) {
    fs.rmSync(partial, { force: true });
    throw error;
  }
  syncFolder(folder);
}

/**
 * Makes a folder if need be and writes a file in it, which is taken away again: so a disk that is full or may not be written is found
 * before the work whose outcome is to go there.
 *
 * @param what goes there, for the error
 * @throws UserError when nothing can be written
 */
export function requireWritable(folder: string, what: string): void {
  const probe = path.join(folder, `probe.${process.pid}.partial`);
  try {
    fs.mkdirSync(folder, { recursive: true });
    try {
      fs.writeFileSync(probe, 'x');
    } finally {
      fs.rmSync(probe, { force: true });
    }
  } catch (error) {
    throw new UserError(
      `The folder '${folder}' for ${what} can't be written (${(error as Error).message}): make room on the disk, or name another folder.`,
    );
  }
}

/** Removes what processes that were killed in `replaceFile` left beside `file`. */
export function removePartials(file: string): void {
  const folder = path.dirname(file);
  const start = `${path.basename(file)}.`;
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    if (name.startsWith(start) && name.endsWith('.partial') && !isWriting(name.slice(start.length)))
      fs.rmSync(path.join(folder, name), { force: true });
  }
}

/** Whether another process that lives writes the file that ends so: 'PID.partial'. */
function isWriting(end: string): boolean {
  const pid = Number.parseInt(end, 10);
  if (!(pid > 0) || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Makes a rename last; some systems can't open folders and need no such thing. */
function syncFolder(folder: string): void {
  try {
    const descriptor = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    // The rename has happened; only its survival of a power failure is less certain.
  }
}
