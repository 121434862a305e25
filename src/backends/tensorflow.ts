import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { type Backend, setAndVerify } from './backend';
import { withoutNativeNoise } from './nativeNoise';
import { projectRoot } from '../projectRoot';

/** What scripts/setup-tensorflow.mjs leaves in `.cache/tfjs-node/built.json`. */
interface Built {
  /** The pip package, `tensorflow-cpu` or `tensorflow`. */
  wheel: string;
  version: string;
  /** The folder with libtensorflow_cc.so.2 that the add-on's rpath names. */
  libraries: string;
  addon: string;
}

const MEND = 'run npm run setup:tensorflow';

/**
 * Has TensorFlow cut its tensors on the CPU from regions of its own. By default each is a block of the C library's, whose
 * heap falls to pieces and grows for a hundred training steps and more (docs/backends.md). TensorFlow reads it once, when it starts.
 */
const OWN_ALLOCATOR = 'TF_CPU_ALLOCATOR_USE_BFC';

function readBuilt(folder: string): Built | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'built.json'), 'utf8')) as Built;
  } catch {
    return undefined;
  }
}

/**
 * `@tensorflow/tfjs-node` 4.22 calls two functions of `util` that Node 22 warns of and Node 23 has no more. They are given
 * back, as they were, before it loads.
 */
export function restoreRemovedUtil(util: Record<string, unknown>): void {
  util.isNullOrUndefined = (value: unknown) => value === null || value === undefined;
  util.isArray = Array.isArray;
}

/** Where set-up puts the package: inside the project, so that its `require('@tensorflow/tfjs')` finds the project's own. */
function tfjsNodeFolder(): string {
  return join(projectRoot(), '.cache', 'tfjs-node');
}

/** TensorFlow itself through `@tensorflow/tfjs-node`, its add-on compiled against pip's TensorFlow by `npm run setup:tensorflow`. */
export const tensorflowBackend: Backend = {
  name: 'tensorflow',
  summary: 'TensorFlow (@tensorflow/tfjs-node)',
  async check() {
    const built = readBuilt(tfjsNodeFolder());
    if (!built) return { available: false, reason: `@tensorflow/tfjs-node is not set up: ${MEND}` };
    if (!existsSync(built.addon)) return { available: false, reason: `its add-on is missing: ${MEND}` };
    if (!existsSync(join(built.libraries, 'libtensorflow_cc.so.2'))) {
      return {
        available: false,
        reason: `the TensorFlow that its add-on was compiled against is gone: ${MEND}`,
      };
    }
    return { available: true, detail: `${built.wheel} ${built.version}` };
  },
  async start() {
    const folder = tfjsNodeFolder();
    const built = readBuilt(folder);
    if (!built) throw new Error(`@tensorflow/tfjs-node is not set up: ${MEND}`);
    process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
    process.env[OWN_ALLOCATOR] ??= '1';
    const load = createRequire(join(folder, 'package.json'));
    restoreRemovedUtil(load('util') as Record<string, unknown>);
    withoutNativeNoise(() => load('@tensorflow/tfjs-node') as unknown);
    if (!tf.findBackend('tensorflow')) {
      throw new Error(`@tensorflow/tfjs-node registered with another copy of TensorFlow.js: ${MEND}`);
    }
    await setAndVerify('tensorflow');
    const gpu = (tf.backend() as unknown as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
    return {
      kind: gpu ? 'gpu' : 'cpu',
      device: `${built.wheel} ${built.version} on ${gpu ? 'a GPU' : 'all cores'}`,
    };
  },
};
