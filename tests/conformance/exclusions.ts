/** A spec of TensorFlow.js's suite that isn't run, and why. Without a good reason it is run, and counts as failed. */
export interface Exclusion {
  /** Matches the spec's full name, in which the back end's name reads `{}`: "matmul {} A x B". */
  spec: RegExp;
  /** Back ends that it is excluded on. */
  backends: readonly string[];
  reason: string;
}

export const exclusions: readonly Exclusion[] = [];

/** The full name of a spec without the back end's name and flags: "matmul xla {} A x B" → "matmul {} A x B". */
export function plainName(fullName: string, backend: string): string {
  return fullName.replace(` ${backend} {}`, ' {}');
}

/** Why a spec isn't run on a back end; undefined when it is. */
export function exclusionReason(name: string, backend: string): string | undefined {
  return exclusions.find(({ spec, backends }) => backends.includes(backend) && spec.test(name))?.reason;
}
