/** The precision in which convolutions and matrix products compute. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';

/**
 * - `float32`: everything in f32.
 * - `tensorfloat32`: f32 tensors; an accelerator may round the factors of products to TF32.
 * - `mixed_bfloat16`: products take bf16 factors, accumulate in f32 and give bf16; weights, statistics and losses
 *   stay f32 (Keras's policy of that name).
 */
export type PrecisionPolicy = 'float32' | 'tensorfloat32' | 'mixed_bfloat16';

let policy: PrecisionPolicy = 'float32';

export function precisionPolicy(): PrecisionPolicy {
  return policy;
}

/** Sets the policy for everything recorded from now on; functions under `jit` are traced anew. */
export function setPrecisionPolicy(next: PrecisionPolicy): void {
  policy = next;
}

/** What `f` gives while `which` is the policy. */
export function underPolicy<T>(which: PrecisionPolicy, f: () => T): T {
  const before = policy;
  policy = which;
  try {
    return f();
  } finally {
    policy = before;
  }
}

/** The factor of a product as the policy wants it. */
export function factor(x: Value): Value {
  if (policy === 'mixed_bfloat16') return hlo.convert(x, 'bf16');
  return x.dtype === 'bf16' ? hlo.convert(x, 'f32') : x;
}

/** What is to be added up: bf16 in f32, in which a sum of many does not stand still. */
export const addend = (x: Value): Value => (x.dtype === 'bf16' ? hlo.convert(x, 'f32') : x);

/** Precision attribute of products. */
export function productPrecision(): hlo.Precision {
  return policy === 'float32' ? 'HIGHEST' : 'DEFAULT';
}
