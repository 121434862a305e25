import { type Holdings } from './memoryGrowth';
import { runProgram, unavailableBackends } from './runProgram';

const WARM_UP = 60;
const STEPS = 200;

/** A copy of the batch's images that every step kept would be 38 MB by the end; without a leak memory rather shrinks. */
const GROWTH_MB = 16;

const reason = unavailableBackends().get('tensorflow');

(reason ? test.skip : test)(
  reason
    ? `TensorFlow's memory does not grow (${reason})`
    : `TensorFlow's memory does not grow in ${STEPS} training steps`,
  () => {
    const args = ['tensorflow', `${WARM_UP}`, `${STEPS}`];
    const [before, after] = runProgram('memoryGrowth.ts', args).answer as Holdings[];
    expect(after.tensors).toBe(before.tensors);
    expect(after.handles).toBe(before.tensors);
    expect(after.residentMB - before.residentMB).toBeLessThan(GROWTH_MB);
  },
  600_000, // some thirty seconds of processor time, on a machine that may be busy
);
