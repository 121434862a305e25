import { requireFewParts } from '../../scripts/bundle/pack';

test('more parts than unpack.sh can name are refused, with the size that goes', () => {
  expect(() => requireFewParts(99_000_000, 1_000_000)).not.toThrow();
  expect(() => requireFewParts(99_000_001, 1_000_000)).toThrow('give --part-mb 2 or more');
  expect(() => requireFewParts(1, 0)).toThrow('more than 99 parts');
});
