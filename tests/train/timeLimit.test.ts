import { timeLimit } from '../../src/train/timeLimit';

test('a time limit may be a fraction of a minute, or years', async () => {
  const years = timeLimit(5_000_000);
  const soon = timeLimit(0.00033333);
  await new Promise(resolve => setTimeout(resolve, 200));
  expect([soon.aborted, years.aborted]).toEqual([true, false]);
});
