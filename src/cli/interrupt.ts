/** A SIGTERM that comes so soon after the first, in milliseconds, is the same one: to a group of processes, of which some hand it on. */
const SAME = 1000;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Ctrl-C (or SIGTERM, or SIGHUP: the terminal was closed) asks a run to end after the step under way; a second one ends the program at
 * once, but for SIGHUP, which nobody sends out of impatience.
 * @returns what `work` returned
 */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let first = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (signal === 'SIGHUP' || (signal === 'SIGTERM' && performance.now() - first < SAME)) return;
      process.exit(130);
    }
    first = performance.now();
    console.error('\nFinishing the step and saving … (once more: stop at once)');
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
