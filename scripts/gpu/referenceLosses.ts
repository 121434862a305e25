/** What the first training steps' losses are where XLA has no part in them: scripts/gpu-losses.ts wrote them down. */
import stored from './losses.json';

export interface ReferenceLosses {
  model: string;
  /** Images a step. */
  batch: number;
  losses: number[];
}

/** Steps whose losses are compared. */
export const LOSSES = 3;

/** The losses of a model's first steps in float32; undefined where nobody has computed them. */
export function referenceLosses(model: string, batch: number): number[] | undefined {
  const all: readonly ReferenceLosses[] = stored;
  return all.find(each => each.model === model && each.batch === batch)?.losses;
}
