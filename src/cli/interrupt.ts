/** A SIGTERM that comes so soon after the first, in milliseconds, is the same one: to a group of processes, of which some hand it on. */
const SAME = 1000;

/**
 * Ctrl-C (or SIGTERM) asks a run to end after the step under way; a second one ends the program at once.
 * @returns what `work` returned
 */
export async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let first = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    if (signal === 'SIGTERM' && controller.signal.aborted && performance.now() - first < SAME) return;
    if (controller.signal.aborted) process.exit(130);
    first = performance.now();
    console.error('\nFinishing the step and saving … (once more: stop at once)');
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await work(controller.signal);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
