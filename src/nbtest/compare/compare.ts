import { type Output } from '../notebook/types';
import { type CompareOptions, sanitized } from './options';
import { adoptCloseNumbers } from './tolerance';
import { transcript } from './transcript';

/** Stored and fresh outputs that differ, as texts for a diff. */
export interface Difference {
  stored: string;
  fresh: string;
}

/** Compares a cell's stored outputs with fresh ones; undefined if they agree. */
export function compareOutputs(
  stored: readonly Output[],
  fresh: readonly Output[],
  options: CompareOptions,
): Difference | undefined {
  const [was, is] = [stored, fresh].map(outputs => sanitized(transcript(outputs, options), options.sanitize));
  const close = adoptCloseNumbers(is, was, options.tolerance);
  return was === close ? undefined : { stored: was, fresh: close };
}
