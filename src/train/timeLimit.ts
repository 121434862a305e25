/** The longest delay that a timer takes, milliseconds; one beyond it would fire at once. */
const LONGEST = 2 ** 31 - 1;

/** A signal that is raised after so many minutes, a fraction of one too; after 24 days at the latest. */
export function timeLimit(minutes: number): AbortSignal {
  return AbortSignal.timeout(Math.min(LONGEST, Math.ceil(minutes * 60_000)));
}
