import * as hlo from '../../src/xla/hlo';

const array = (...shape: number[]) => hlo.parameter({ dtype: 'f32', shape }, { free: () => undefined });

/** x ↦ x + f(x) so often, each f an array of its own: the skeleton of a residual network. */
function chain(blocks: number, shape: number[]): hlo.Value {
  let x = array(...shape);
  for (let i = 0; i < blocks; i++) x = hlo.add(x, hlo.mul(x, array(...shape)));
  return x;
}

const barriers = (text: string): number => text.split('optimization_barrier').length - 1;
const print = (root: hlo.Value, writeOnce: boolean): string => hlo.printModule([root], { writeOnce }).text;

test('in a long chain of residual additions every other sum is written', () => {
  const text = print(chain(20, [128, 128]), true);
  // A block's sum is read from at most two arrays and the last one written; the very last sum is used once, as the result.
  expect(barriers(text)).toBeGreaterThanOrEqual(9);
  expect(barriers(text)).toBeLessThanOrEqual(19);
});

test('what follows reads the value behind the barrier', () => {
  const [a, b, c] = [array(128, 128), array(128, 128), array(128, 128)];
  const sum = hlo.add(hlo.add(a, b), c);
  const text = hlo.printModule([hlo.mul(hlo.exp(sum), hlo.tanh(sum))], { writeOnce: true }).text;
  expect(text).toContain('%2 = stablehlo.optimization_barrier %1');
  expect(text).toContain('stablehlo.exponential %2');
  expect(text).toContain('stablehlo.tanh %2');
});

test('small values, values used once, and programs for other platforms stay as they are', () => {
  expect(barriers(print(chain(20, [8, 8]), true))).toBe(0);
  const arrays = Array.from({ length: 6 }, () => array(128, 128));
  expect(barriers(print(arrays.reduce(hlo.add), true))).toBe(0);
  expect(barriers(print(chain(20, [128, 128]), false))).toBe(0);
});
