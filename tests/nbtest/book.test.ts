import { join } from 'node:path';
import { type Book, CellError, openNotebook, writeNotebook } from '../../src/nbtest';
import {
  code,
  describePython,
  kernelDirs,
  markdown,
  notebook,
  root,
  temporaryFolder,
} from './support/notebooks';

const folder = temporaryFolder();
const options = { kernelDirs, cwd: root, startTimeout: 120 };

describe('a TypeScript notebook opened by a test', () => {
  const path = join(folder, 'book.ipynb');
  let nb: Book;
  beforeAll(async () => {
    const cells = [
      code('let scale = 2;', 'parameters'),
      markdown('## Numbers'),
      code('const values = Float32Array.from([1, 2, 3], v => v * scale);\nlet calls = 0;', 'setup'),
      code('calls++;\nconsole.log(`call ${calls}`);'),
      markdown('## Trouble'),
      code('throw new Error("trouble");'),
    ];
    writeNotebook(path, notebook('tslab', cells));
    nb = await openNotebook(path, { ...options, parameters: { scale: 3 }, execute: { until: 'calls++' } });
  });
  afterAll(() => nb?.close());

  it('gives values out of the kernel', async () => {
    expect(await nb.get('values')).toEqual([3, 6, 9]);
    expect(await nb.get('{ a: NaN, b: [-Infinity, 1e-7], c: null, d: "nbtest" }')).toEqual({
      a: NaN,
      b: [-Infinity, 1e-7],
      c: null,
      d: 'nbtest',
    });
    expect(await nb.get('await Promise.resolve(values.length)')).toBe(3);
  });

  it('says what cannot be read', async () => {
    await expect(nb.get('nothingLikeIt')).rejects.toThrow("Cannot find name 'nothingLikeIt'");
    await expect(nb.get('() => 1')).rejects.toThrow('the value is function: JSON cannot hold it');
    await expect(nb.get('Promise.resolve(1)')).rejects.toThrow('a promise (await it)');
  });

  it('runs single cells again, and code of the test', async () => {
    expect(nb.stdout('calls++')).toBe('call 1\n');
    await nb.inject('calls = 10;');
    await nb.run('calls++');
    expect(nb.stdout('Numbers')).toBe('call 11\n');
    expect(await nb.run('setup')).toHaveLength(1);
    expect(await nb.get('calls')).toBe(0);
  });

  it('throws what a cell throws, with source and line', async () => {
    const error = await nb.run('Trouble').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CellError);
    expect((error as CellError).message).toContain('Error: trouble');
    expect((error as CellError).message).toContain('> 1 | throw new Error("trouble");');
  });

  it('names the cells there are when one is not found', async () => {
    await expect(nb.run('nowhere')).rejects.toThrow(
      /No code cell is named "nowhere". There are:\n {2}0: let scale = 2;/,
    );
  });
});

describePython('a Python notebook opened by a test', () => {
  it('gives values out of the kernel and leaves no name behind', async () => {
    const path = join(folder, 'python.ipynb');
    writeNotebook(path, notebook('python3', ['x = {"a": (1, 2.5), "b": float("inf")}']));
    const nb = await openNotebook(path, options);
    try {
      expect(await nb.get('x')).toEqual({ a: [1, 2.5], b: Infinity });
      expect(await nb.get('"__nbtest" in globals() and False')).toBe(false);
      await expect(nb.get('object()')).rejects.toThrow('not JSON serializable');
      await expect(nb.get('y')).rejects.toThrow("name 'y' is not defined");
    } finally {
      await nb.close();
    }
  });
});
