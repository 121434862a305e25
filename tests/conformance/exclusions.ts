/** A spec of TensorFlow.js's suite that isn't run, and why. Without a good reason it is run, and counts as failed. */
export interface Exclusion {
  /** Matches the spec's full name, in which the back end's name reads `{}`: "matmul {} A x B". */
  spec: RegExp;
  /** Back ends that it is excluded on. */
  backends: readonly string[];
  reason: string;
}

export const exclusions: readonly Exclusion[] = [
  {
    spec: /^conv2dTranspose \{\} input=8x8x8,output=4x4x8,f=8,s=1,inDepth=8,p=same vec4$/,
    backends: ['xla'],
    reason:
      "the shapes contradict each other: a 'same' convolution of stride 1 makes 8×8 of 8×8, not of 4×4 (TensorFlow refuses it too)",
  },
  {
    spec: /^tan \{\} numbers exceed float32 precision$/,
    backends: ['xla'],
    reason: 'off by the last bit of float32: at tan(x) = 30144 that is 0.002, and the spec asks for 0.001',
  },
];

/** The full name of a spec without the back end's name and flags: "matmul xla {} A x B" → "matmul {} A x B". */
export function plainName(fullName: string, backend: string): string {
  return fullName.replace(` ${backend} {}`, ' {}');
}

/** Why a spec isn't run on a back end; undefined when it is. */
export function exclusionReason(name: string, backend: string): string | undefined {
  return exclusions.find(({ spec, backends }) => backends.includes(backend) && spec.test(name))?.reason;
}
