import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { executeNotebook, readNotebook } from '../../src/nbtest';
import { describePython, kernelDirs, root, temporaryFolder } from './support/notebooks';

const folder = temporaryFolder();
const source = join(__dirname, 'nbclient', 'mixed.ipynb');
const ours = join(folder, 'ours.ipynb');
const python = join(root, '.venv', 'bin', 'python');
const hasNbclient = spawnSync(python, ['-c', 'import nbclient']).status === 0;

describePython('a notebook with every kind of output', () => {
  beforeAll(async () => {
    const result = await executeNotebook(readNotebook(source), source, { kernelDirs }, { saveTo: ours });
    expect(result.passed).toBe(true);
  });

  it("has the cells of nbclient's stored result", () => {
    const cells = (path: string) =>
      JSON.stringify(
        readNotebook(path).cells,
        (key, value: unknown) => (key === 'traceback' ? undefined : value),
        1,
      );
    expect(cells(ours)).toBe(cells(join(__dirname, 'nbclient', 'mixed.nbclient.ipynb')));
  });

  (hasNbclient ? it : it.skip)("is nbclient's to the byte, and valid by nbformat's schema", () => {
    const theirs = join(folder, 'theirs.ipynb');
    execFileSync(python, [join(__dirname, 'nbclient', 'execute.py'), source, theirs, ours], {
      stdio: 'pipe',
    });
    expect(readFileSync(ours, 'utf8')).toBe(readFileSync(theirs, 'utf8'));
  });
});
