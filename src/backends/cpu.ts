import * as tf from '@tensorflow/tfjs';
import { type Backend, setAndVerify } from './backend';

/**
 * TensorFlow.js's plain JavaScript back end prints "Hi, looks like you are running TensorFlow.js in Node.js …" over ten lines
 * when it first gets data, advice that doesn't hold here. `firstUse` is the field that it looks at before printing.
 */
export function silenceCpuBanner(): void {
  const cpu: unknown = tf.engine().registryFactory['cpu'] ? tf.findBackend('cpu') : undefined;
  if (cpu && typeof cpu === 'object' && 'firstUse' in cpu) cpu.firstUse = false;
}

/** Plain JavaScript: needs nothing, always there, slowest. The reference that the other back ends are tested against. */
export const cpuBackend: Backend = {
  name: 'cpu',
  summary: 'plain JavaScript',
  check: async () => ({ available: true, detail: 'plain JavaScript, needs nothing' }),
  async start() {
    silenceCpuBanner();
    await setAndVerify('cpu');
    return { kind: 'cpu', device: 'plain JavaScript on one core' };
  },
};
