import * as tf from '@tensorflow/tfjs';

/** The back ends this project trains on, by the name TensorFlow.js registers them under. */
export const BACKEND_NAMES = ['xla', 'tensorflow', 'wasm', 'cpu'] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

/** Whether a back end can be started here, found out without starting it. */
export type Availability = { available: true; detail: string } | { available: false; reason: string };

/** What a back end runs on, once started. */
export interface Started {
  kind: 'cpu' | 'gpu' | 'tpu' | 'other';
  /** One phrase for people, e.g. "XLA CPU plugin fastatomstruct-xla-cpu". */
  device: string;
  /** What it might have run on, and why it does not: plugins that don't work here. One line each. */
  passedOver?: readonly string[];
}

/** One back end: how it is recognized and started. One file each, beside this one. */
export interface Backend {
  name: BackendName;
  /** One phrase: what it is. */
  summary: string;
  /** Cheap (looks at files, loads nothing native); never throws. */
  check(): Promise<Availability>;
  /** Makes it TensorFlow.js's current back end; throws when it doesn't work. */
  start(): Promise<Started>;
}

/** Makes `name` TensorFlow.js's current back end and has it compute something, so that a broken one is found out here. */
export async function setAndVerify(name: string): Promise<void> {
  if (!(await tf.setBackend(name))) throw new Error(`TensorFlow.js could not start its back end ${name}`);
  await tf.ready();
  const product = tf.tidy(() => tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])));
  const [value] = await product.data();
  product.dispose();
  if (value !== 11) throw new Error(`back end ${name} computes [1 2]·[3 4] = ${value}, not 11`);
}

/** The first line of an error's message: what fits in a list of reasons. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.trim().split('\n', 1)[0];
}
