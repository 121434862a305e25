import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import koffi from 'koffi';

const STDERR = 2;

/**
 * Runs `action` while what native code writes to standard error goes to a file, and drops it when the action succeeds.
 * (TensorFlow greets with lines that no variable turns off.) When it throws, what was written is shown first.
 */
export function withoutNativeNoise<T>(action: () => T): T {
  const libc = koffi.load(null);
  const dup = libc.func('int dup(int)');
  const dup2 = libc.func('int dup2(int, int)');
  const folder = mkdtempSync(join(tmpdir(), 'native-noise-'));
  const file = join(folder, 'stderr');
  const descriptor = openSync(file, 'w');
  const saved = dup(STDERR) as number;
  dup2(descriptor, STDERR);
  let restored = false;
  const restore = () => {
    if (!restored) dup2(saved, STDERR);
    restored = true;
  };
  try {
    return action();
  } catch (error) {
    restore();
    writeSync(STDERR, readFileSync(file));
    throw error;
  } finally {
    restore();
    closeSync(descriptor);
    closeSync(saved);
    rmSync(folder, { recursive: true });
  }
}
