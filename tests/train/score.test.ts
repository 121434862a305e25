import { score } from '../../src/train/evaluate';

test('score: error, loss and confusion of known logits', () => {
  const logits = new Float32Array(30); // all equal: guesses class 0, loss ln 10
  logits[10 + 3] = 1000; // the second is sure of class 3, without overflow
  const { error, loss, confusion } = score(logits, Uint8Array.from([0, 3, 7]));
  expect(error).toBeCloseTo(100 / 3, 10);
  expect(loss).toBeCloseTo((2 * Math.log(10)) / 3, 5);
  expect(confusion[0][0]).toBe(1);
  expect(confusion[3][3]).toBe(1);
  expect(confusion[7][0]).toBe(1);
  expect(confusion.flat().reduce((a, b) => a + b)).toBe(3);
});
