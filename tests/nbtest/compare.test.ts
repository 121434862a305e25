import { compareOutputs } from '../../src/nbtest/compare/compare';
import { compareOptionsFor, defaultCompareOptions, isCompared } from '../../src/nbtest/compare/options';
import { adoptCloseNumbers } from '../../src/nbtest/compare/tolerance';
import { type Output } from '../../src/nbtest/notebook/types';
import { code, notebook } from './support/notebooks';

const out = (text: string, name = 'stdout'): Output => ({ output_type: 'stream', name, text });
const show = (data: Record<string, string>): Output => ({ output_type: 'display_data', data, metadata: {} });

describe('adoptCloseNumbers', () => {
  const tolerance = { relative: 0.01, absolute: 0 };
  it.each([
    ['loss 1.005', 'loss 1.000', 'loss 1.000'],
    ['loss 1.05', 'loss 1.00', 'loss 1.05'],
    ['a 1.001 b 9', 'a 1.0 b 7', 'a 1.0 b 9'],
    ['conv2d_2', 'conv2d_1', 'conv2d_2'],
    ['  10.0 s', '   9.99 s', '   9.99 s'],
    ['-5.0e-3', '-0.005', '-0.005'],
    ['x = 1', 'y = 1', 'x = 1'],
    ['a  b', 'a b', 'a  b'],
    ['1.001\n2', '1\n3\n4', '1\n2'],
    ['2026-11-24', '2026-11-25', '2026-11-24'],
  ])('%j against %j', (fresh, stored, adopted) => {
    expect(adoptCloseNumbers(fresh, stored, tolerance)).toBe(adopted);
  });
  it('does nothing without a tolerance', () => {
    expect(adoptCloseNumbers('1.00', '1.0', { relative: 0, absolute: 0 })).toBe('1.00');
  });
});

describe('compareOutputs', () => {
  const compare = (stored: Output[], fresh: Output[], options = {}) =>
    compareOutputs(stored, fresh, { ...defaultCompareOptions, ...options });

  it('ignores how streams were cut, what stderr said, colours, traces and overwritten progress lines', () => {
    const error = (trace: string): Output => ({
      output_type: 'error',
      ename: 'E',
      evalue: 'v',
      traceback: [trace],
    });
    const stored = [out('a\n'), out('warning', 'stderr'), out('b\r'), error('x')];
    const fresh = [out('\u001b[31ma\u001b[0m\n1 %\r2 %\rb'), error('y')];
    expect(compare(stored, fresh)).toBeUndefined();
    expect(compare(stored, fresh, { ignoreStderr: false })?.stored).toContain('[stderr]\nwarning');
  });

  it('sees other text, MIME types, errors and images', () => {
    expect(compare([out('a')], [out('b')])).toEqual({ stored: '[stdout]\na\n', fresh: '[stdout]\nb\n' });
    expect(compare([show({ 'text/html': 'a' })], [show({ 'text/plain': 'a' })])).toBeDefined();
    const image = (data: string): Output[] => [show({ 'image/png': data })];
    expect(compare(image('AAAA'), image('AAAB'))?.fresh).toMatch(/image\/png\]\n3 bytes, sha256/);
    expect(compare(image('AAAA'), image('AAAB'), { ignoreMimeTypes: ['image/*'] })).toBeUndefined();
  });

  it('replaces patterns on both sides, addresses by default', () => {
    expect(compare([out('<A at 0x7f00a1b2c3>')], [out('<A at 0x7fffffffff>')])).toBeUndefined();
    const sanitize = [{ pattern: '[0-9.]+ m?s', replace: 'TIME' }];
    expect(compare([out('took 3.1 s')], [out('took 880 ms')], { sanitize })).toBeUndefined();
    expect(() => compare([], [], { sanitize: [{ pattern: '(' }] })).toThrow(/sanitizing pattern "\("/);
  });

  it('lets numbers differ within the tolerance', () => {
    const tolerance = { relative: 0, absolute: 0.05 };
    expect(compare([out('error 53.21 %')], [out('error 53.24 %')], { tolerance })).toBeUndefined();
    expect(compare([out('error 53.21 %')], [out('error 53.29 %')], { tolerance })).toBeDefined();
  });
});

describe('options in a notebook', () => {
  const settings = { nbtest: { compare: 'all', tolerance: { relative: 0.1 }, sanitize: ['a+'] } };

  it("are the notebook's, then the cell's", () => {
    const cell = code('1');
    cell.metadata = { nbtest: { tolerance: { absolute: 2 }, sanitize: [{ pattern: 'b', replace: 'c' }] } };
    const options = compareOptionsFor(notebook('x', [cell], settings), cell);
    expect(options.tolerance).toEqual({ relative: 0.1, absolute: 2 });
    expect(options.sanitize.slice(-2)).toEqual([{ pattern: 'a+' }, { pattern: 'b', replace: 'c' }]);
    expect(isCompared(cell, options)).toBe(true);
    expect(isCompared(code('1', 'nbtest-ignore-output'), options)).toBe(false);
    expect(isCompared(code('1'), defaultCompareOptions)).toBe(false);
    expect(isCompared(code('1', 'nbtest-compare'), defaultCompareOptions)).toBe(true);
  });
});
