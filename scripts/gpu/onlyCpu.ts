import { UserError } from '../../src/errors';

/**
 * That there is no device but the processor, where minutes of a GPU are at stake.
 * @param reasons why plugins for other devices were passed over
 * @param then what `--cpu` does, e.g. 'trains on it'
 */
export function onlyCpu(reasons: readonly string[], then: string): UserError {
  const why = reasons.join('; ') || 'no plugin for a GPU was found: PJRT_PLUGIN names one';
  return new UserError(`There is only a CPU here (${why}). --cpu ${then}.`);
}
