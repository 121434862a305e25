/** A real kernel, sent what Jupyter's ■ sends. */
import { execute, outcomes } from '../nbtest/support/notebooks';

it('an interrupt ends a live training, and the notebook goes on with what was learned', async () => {
  const train = `import { liveTraining } from './src/notebook';
setTimeout(() => process.kill(process.pid, 'SIGINT'), 300);
let step = 0;
const result = await liveTraining(async ({ signal }) => {
  while (!signal.aborted && step < 500) {
    step++;
    await new Promise(done => setTimeout(done, 20));
  }
  return { step: step, interrupted: signal.aborted };
});`;
  const look = 'console.log(result!.interrupted, result!.step === step, step < 500);';
  const loop = `setTimeout(() => process.kill(process.pid, 'SIGINT'), 300);
await new Promise(() => setInterval(() => {}, 1000)); // the kernel's own interrupt again`;
  const result = await execute('tslab', [train, look, loop], { cellTimeout: 60 });
  expect(outcomes(result)).toEqual(['passed', 'passed', 'failed: cell']);
  expect(result.cells[1].cell.outputs).toEqual([
    { output_type: 'stream', name: 'stdout', text: 'true true true\n' },
  ]);
  expect(result.cells[2].failure!.message).toContain('Interrupted asynchronously');
});
