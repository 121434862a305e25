import { BatchOrder } from '../../src/train/order';

const steps = (order: BatchOrder, count: number): number[] =>
  Array.from({ length: count }, (_, step) => [...order.indices(step)]).flat();

test('epochs follow one another without a gap, each a permutation of all images', () => {
  const order = new BatchOrder(10, 4, 1);
  const dealt = steps(order, 5);
  const all = Array.from({ length: 10 }, (_, i) => i);
  const [first, second] = [dealt.slice(0, 10), dealt.slice(10)];
  expect([...first].sort((a, b) => a - b)).toEqual(all);
  expect([...second].sort((a, b) => a - b)).toEqual(all);
  expect(second).not.toEqual(first);
  expect(order.epochs(5)).toBe(2);
});

test('whole batches: an epoch leaves out the images that do not fill one, others each time', () => {
  const order = new BatchOrder(10, 4, 1, { wholeBatches: true });
  const epochs = Array.from({ length: 20 }, (_, epoch) => steps(order, 40).slice(8 * epoch, 8 * epoch + 8));
  for (const epoch of epochs) expect(new Set(epoch).size).toBe(8);
  const leftOut = epochs.flatMap(epoch => [...Array(10).keys()].filter(image => !epoch.includes(image)));
  expect(new Set(leftOut).size).toBe(10);
  expect(order.epochs(2)).toBe(1);
});
