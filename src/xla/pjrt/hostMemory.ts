/** How this process's C library keeps memory that a program on the CPU has freed. */
import * as koffi from 'koffi';

/** Parameters of glibc's mallopt (malloc.h). */
const M_TRIM_THRESHOLD = -1;
const M_TOP_PAD = -2;
const M_MMAP_MAX = -4;
const M_ARENA_MAX = -8;
/** Free memory at the heap's end beyond which it goes back to the system, bytes: the most that mallopt takes. */
const KEPT = 2 ** 31 - 1;

let done = false;

/**
 * Lets glibc keep freed memory for the next program. By default each large block is a mapping of its own: every training
 * step would take hundreds of megabytes of zeroed pages from the system and give them back, a quarter of a ResNet-20
 * step's time. One heap for all threads, which grows and keeps up to 2 GB, does without. Other C libraries are left alone.
 */
export function keepFreedMemory(): void {
  if (done || process.platform !== 'linux') return;
  done = true;
  try {
    const mallopt = koffi.load('libc.so.6').func('mallopt', 'int', ['int', 'int']);
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_TRIM_THRESHOLD, KEPT);
    mallopt(M_TOP_PAD, 2 ** 25);
  } catch {
    // Not glibc: nothing to set.
  }
}
