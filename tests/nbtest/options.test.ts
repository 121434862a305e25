import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compareOutputs } from '../../src/nbtest/compare/compare';
import { compareOptionsFor } from '../../src/nbtest/compare/options';
import { optionsFor } from '../../src/nbtest/execute/options';
import { jestOptions } from '../../src/nbtest/jest/options';
import { placeBelow } from '../../src/nbtest/jest/places';
import { ExactNumber, type JsonObject } from '../../src/nbtest/json';
import { checkMetadata } from '../../src/nbtest/metadata';
import { type Output } from '../../src/nbtest/notebook/types';
import { code, execute, notebook, temporaryFolder } from './support/notebooks';

const places = (rootDir: string) => ({ rootDir, roots: [rootDir], testPathIgnorePatterns: ['/ignored/'] });
const fromJest = (nbtest: unknown) =>
  jestOptions(nbtest, places('/root'), '/root/a.ipynb', notebook('x', []));
const config = "testEnvironmentOptions.nbtest in jest's configuration";

describe("options in jest's configuration", () => {
  it.each([
    [
      { cellTimout: 3 },
      `${config} has no option "cellTimout" (the nearest is "cellTimeout"): there are kernelName, `,
    ],
    [{ fast: true }, `${config} has no option "fast": there are kernelName, `],
    [{ cellTimeout: 'abc' }, `${config}: "cellTimeout" must be a number, 0 or more, not "abc"`],
    [{ timeout: -1 }, `${config}: "timeout" must be a number, 0 or more, not -1`],
    [{ startTimeout: NaN }, `${config}: "startTimeout" must be a number, 0 or more, not NaN`],
    [{ slow: 'skipp' }, `${config}: "slow" must be "run" or "skip", not "skipp"`],
    [{ compare: 'al' }, `${config}: "compare" must be "tagged", "all" or "none", not "al"`],
    [{ allowErrors: 'no' }, `${config}: "allowErrors" must be true or false, not "no"`],
    [{ tolerance: 0.1 }, `${config}: "tolerance" must be an object with relative, absolute, not 0.1`],
    [
      { tolerance: { relativ: 0.1 } },
      `${config}: "tolerance" has no option "relativ" (the nearest is "relative"): there are relative, absolute`,
    ],
    [{ outputLimit: { lines: '5' } }, `${config}: "outputLimit.lines" must be a number, 0 or more, not "5"`],
    [{ kernelDirs: 'a' }, `${config}: "kernelDirs" must be a list, not "a"`],
    [{ ignoreMimeTypes: ['a', 1] }, `${config}: "ignoreMimeTypes[1]" must be text, not 1`],
    [{ env: { A: true } }, `${config}: "env.A" must be text or a number, not true`],
    [{ parameters: [1] }, `${config}: "parameters" must be an object with names and values, not [1]`],
    [
      { sanitize: [3] },
      `${config}: "sanitize[0]" must be a pattern or an object with pattern, flags, replace, not 3`,
    ],
    [
      { sanitize: ['('] },
      `${config}: "sanitize[0]" must be a JavaScript regular expression (Invalid regular expression`,
    ],
    [
      { notebooks: { 'other.ipynb': { timout: 1 } } },
      `${config}: "notebooks["other.ipynb"]" has no option "timout" (the nearest is "timeout"): there are kernelName, `,
    ],
    [3, `${config} must be an object with kernelName, `],
  ])('%j is refused', (given, message) => {
    expect(() => fromJest(given)).toThrow(message);
  });

  it('may be undefined, which leaves them out', () => {
    const given = { timeout: undefined, env: { A: undefined, B: 'b' }, slow: undefined };
    expect(optionsFor(notebook('x', []), fromJest(given))).toMatchObject({ timeout: 0, slow: 'run' });
  });

  it('the environment variable NBTEST_SLOW is one of two words', () => {
    process.env.NBTEST_SLOW = 'skipp';
    try {
      expect(() => fromJest({})).toThrow(
        'The environment variable NBTEST_SLOW must be "run" or "skip", not "skipp"',
      );
    } finally {
      delete process.env.NBTEST_SLOW;
    }
  });

  it('a tolerance or limit of which one part is given keeps the default of the other', () => {
    const given = fromJest({ tolerance: { relative: 0.05 }, outputLimit: { lines: 5 }, sanitize: 'x+' });
    const cell = code('1');
    const options = compareOptionsFor(notebook('x', [cell]), cell, given);
    expect(options.tolerance).toEqual({ relative: 0.05, absolute: 0 });
    expect(options.sanitize.at(-1)).toEqual({ pattern: 'x+' });
    const out = (text: string): Output[] => [{ output_type: 'stream', name: 'stdout', text }];
    expect(compareOutputs(out('loss 1.00'), out('loss 1.04'), options)).toBeUndefined();
    expect(compareOutputs(out('loss 1.00'), out('loss 1.06'), options)).toBeDefined();
    expect(optionsFor(notebook('x', []), given).outputLimit).toEqual({ lines: 5, characters: 64 * 2 ** 20 });
  });
});

describe('options of single notebooks', () => {
  const folder = temporaryFolder();
  const files = ['top', 'a/x', 'b/x', 'a/once', 'ignored/once', 'out/a/once', 'a/node_modules/once'];
  beforeAll(() => {
    for (const file of files) {
      const path = join(folder, `${file}.ipynb`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, '');
    }
  });
  const timeoutOf = (file: string, notebooks: Record<string, object>) => {
    const path = join(folder, `${file}.ipynb`);
    return jestOptions({ outputDir: 'out', notebooks }, places(folder), path, notebook('x', [])).timeout;
  };

  it('are found by the path relative to rootDir', () => {
    const notebooks = {
      'a/x.ipynb': { timeout: 1 },
      './b/x.ipynb': { timeout: 2 },
      'top.ipynb': { timeout: 3 },
    };
    expect(['a/x', 'b/x', 'top', 'a/once'].map(file => timeoutOf(file, notebooks))).toEqual([
      1,
      2,
      3,
      undefined,
    ]);
  });

  it('are found by a file name that no other notebook has', () => {
    expect(timeoutOf('a/once', { 'once.ipynb': { timeout: 1 } })).toBe(1);
    expect(timeoutOf('a/x', { 'x.ipynb': { timeout: 1 }, 'a/x.ipynb': { timeout: 2 } })).toBe(2);
    expect(() => timeoutOf('b/x', { 'x.ipynb': { timeout: 1 } })).toThrow(
      `notebooks["x.ipynb"] in jest's configuration names b/x.ipynb and a/x.ipynb: give the path that is meant, relative to rootDir`,
    );
  });

  it('a file name that is a path from rootDir is that', () => {
    writeFileSync(join(folder, 'a', 'top.ipynb'), '');
    expect(timeoutOf('a/top', { 'top.ipynb': { timeout: 1 } })).toBeUndefined();
    expect(timeoutOf('top', { 'top.ipynb': { timeout: 1 } })).toBe(1);
  });
});

it('reports lie as the notebooks do, and never out of their folder', () => {
  expect(placeBelow('/out', '/root', '/root/a/x.ipynb')).toBe(join('/out', 'a', 'x.ipynb'));
  expect(placeBelow('/out', '/root', '/root/b/x.ipynb')).toBe(join('/out', 'b', 'x.ipynb'));
  expect(placeBelow('/root/out', '/root', '/x.ipynb')).toBe(join('/root', 'out', '__', 'x.ipynb'));
});

describe('options in metadata.nbtest', () => {
  const check = (ofNotebook: JsonObject, ofCell: JsonObject = {}): void => {
    const cell = { ...code('1'), metadata: ofCell };
    checkMetadata(notebook('x', ['0', cell], ofNotebook), 'n.ipynb');
  };
  const names = 'timeout, compare, sanitize, tolerance, ignoreMimeTypes, ignoreStderr';

  it.each([
    [
      { timout: 1, cellTimeout: '1s' },
      `metadata.nbtest of n.ipynb has no option "timout" (the nearest is "timeout"): there are ${names}, cellTimeout, startTimeout, parameters`,
    ],
    [
      { cellTimeout: '1s' },
      'metadata.nbtest of n.ipynb: "cellTimeout" must be a number, 0 or more, not "1s"',
    ],
    [{ timeout: new ExactNumber('NaN') }, '"timeout" must be a number, 0 or more, not NaN'],
    [{ compare: 'sometimes' }, '"compare" must be "tagged", "all" or "none", not "sometimes"'],
    [{ tolerance: { relative: -1 } }, '"tolerance.relative" must be a number, 0 or more, not -1'],
    [true, 'metadata.nbtest of n.ipynb must be an object with timeout'],
  ])('%j is refused', (nbtest, message) => {
    expect(() => check({ nbtest })).toThrow(message);
  });

  it('of a cell are named with the cell', () => {
    expect(() => check({}, { nbtest: { timeout: '1s' } })).toThrow(
      'metadata.nbtest of n.ipynb, cell 2: "timeout" must be a number, 0 or more, not "1s"',
    );
    expect(() => check({}, { nbtest: { cellTimeout: 1 } })).toThrow(
      `metadata.nbtest of n.ipynb, cell 2 has no option "cellTimeout": there are ${names}`,
    );
  });

  it('are accepted as the file spells them', () => {
    const relative = new ExactNumber('1e-02');
    const nbtest: JsonObject = {
      timeout: new ExactNumber('60.0'),
      tolerance: { relative },
      sanitize: ['a+'],
    };
    check({ nbtest: { ...nbtest, parameters: { a: [1] } } }, { nbtest });
    const book = notebook('x', ['1'], { nbtest });
    expect(optionsFor(book).timeout).toBe(60);
    expect(compareOptionsFor(book, code('1')).tolerance).toEqual({ relative: 0.01, absolute: 0 });
  });

  it('fail the notebook before its kernel starts', async () => {
    const cell = { ...code('1'), metadata: { nbtest: { timeout: '1s' } } };
    const result = await execute('no-such-kernel', [cell]);
    expect(result).toMatchObject({ passed: false, failure: { code: 'usage' } });
    expect(result.failure!.message).toMatch(/^metadata.nbtest of .*test.ipynb, cell 1: "timeout" must be/);
  });
});
