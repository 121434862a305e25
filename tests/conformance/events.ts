/** What the process that runs the suite writes, a line each, for the one that watches it. Appended before and after each spec,
 * so that the last line tells what ran when the process died. */
export type SuiteEvent =
  | { event: 'excluded'; id: string; name: string; reason: string }
  | { event: 'started'; id: string; name: string }
  | {
      event: 'done';
      id: string;
      status: 'passed' | 'failed' | 'pending';
      message?: string;
      kernels: string[];
    }
  | { event: 'suiteFailed'; name: string; message: string }
  | { event: 'end' };

/** What it is told, as JSON in its first argument. */
export interface SuiteOptions {
  backend: string;
  /** A regular expression; only specs whose full name it matches. */
  filter?: string;
  /** Only this share of the specs, the same ones each time. */
  share: number;
  /** Milliseconds for a spec. */
  timeout: number;
  /** Ids of specs that ran before a restart. */
  done: string[];
  /** The file that it appends events to. */
  events: string;
  /** A checkout of TensorFlow.js, for the specs of its tfjs-layers; default: the suite that tfjs-core publishes. */
  layers?: string;
  /** Modules with specs, in place of either. */
  specs?: string[];
}
