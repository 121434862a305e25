import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readNotebook } from '../../src/nbtest/notebook/read';
import { type Cell, type CodeCell, type Output } from '../../src/nbtest/notebook/types';
import { writeNotebook } from '../../src/nbtest/notebook/write';
import {
  code,
  describePython,
  kernelDirs,
  markdown,
  notebook,
  root,
  temporaryFolder,
} from './support/notebooks';

interface Report {
  numFailedTests: number;
  snapshot: { updated: number; unmatched: number; matched: number };
  testResults: {
    name: string;
    status: string;
    message: string;
    assertionResults: {
      title: string;
      ancestorTitles: string[];
      status: string;
      failureMessages: string[];
    }[];
  }[];
}

/** Runs the real jest on the notebooks of a folder. */
function jest(
  folder: string,
  nbtest: object,
  ...args: string[]
): { report: Report; text: string; status: number | null } {
  const config = {
    rootDir: folder,
    testMatch: ['**/*.ipynb'],
    moduleFileExtensions: ['ts', 'js', 'json', 'ipynb'],
    testRunner: join(root, 'src/nbtest/jest/runner.ts'),
    transform: { '^.+\\.ts$': join(root, 'node_modules/@swc/jest') },
    testEnvironmentOptions: { nbtest: { kernelDirs, outputDir: 'out', junitDir: 'out', ...nbtest } },
  };
  const json = join(folder, 'report.json');
  writeFileSync(join(folder, 'jest.config.json'), JSON.stringify(config));
  const program = join(root, 'node_modules/jest/bin/jest.js');
  const all = [program, '-c', join(folder, 'jest.config.json'), '--json', `--outputFile=${json}`, ...args];
  const { status, stderr } = spawnSync(process.execPath, all, { cwd: root, encoding: 'utf8' });
  return { report: JSON.parse(readFileSync(json, 'utf8')) as Report, text: stderr, status };
}

const stream = (text: string): Output[] => [{ output_type: 'stream', name: 'stdout', text }];
const executed = (cell: CodeCell, outputs: Output[]): CodeCell => ({ ...cell, outputs, execution_count: 1 });

describePython('jest on notebooks', () => {
  const folder = temporaryFolder();
  const write = (name: string, cells: (Cell | string)[], metadata = {}): string => {
    const path = join(folder, `${name}.ipynb`);
    writeNotebook(path, notebook('python3', cells, metadata));
    return path;
  };
  let first: ReturnType<typeof jest>;
  const file = (name: string) =>
    first.report.testResults.find(result => result.name.endsWith(`/${name}.ipynb`))!;
  let compared: string;

  beforeAll(() => {
    write('good', [
      markdown('# Title\n\n## Part'),
      '# a comment\nx = 1',
      code('y = x + 1\nprint(y)', 'slow'),
    ]);
    write('bad', [
      markdown('# Bad'),
      'x = 1',
      'def f():\n    raise KeyError("k")\nf()',
      'print("never")',
      'x',
    ]);
    writeFileSync(join(folder, 'kernel.ipynb'), JSON.stringify({ ...notebook('cobol', ['1']) }));
    write('text', [markdown('# Only text')]);
    writeFileSync(join(folder, 'broken.ipynb'), '{"cells": [');
    compared = write('compared', [
      markdown('# Compared'),
      executed(code('print("loss", 0.5001)', 'nbtest-compare'), stream('loss 0.5\n')),
      executed(code('print("new")', 'nbtest-compare'), stream('old\n')),
      executed(code('print("whatever")'), stream('not compared\n')),
    ]);
    first = jest(folder, { tolerance: { relative: 0.01 }, slow: 'skip' }, '--ci');
  });

  it('names tests by heading and first line', () => {
    expect(file('good').assertionResults).toMatchObject([
      { ancestorTitles: ['Title', 'Part'], title: 'x = 1', status: 'passed' },
      { ancestorTitles: ['Title', 'Part'], title: 'y = x + 1', status: 'pending' },
    ]);
  });

  it('shows a failed cell with source, line and trace, and does not run the rest', () => {
    const { assertionResults } = file('bad');
    expect(assertionResults.map(({ status }) => status)).toEqual(['passed', 'failed', 'pending', 'pending']);
    const [message] = assertionResults[1].failureMessages;
    expect(message).toMatch(/^KeyError: 'k'\n {2}in .*bad.ipynb, cell 3 \(In \[2\]\)/);
    expect(message).toContain('> 2 |     raise KeyError("k")');
    expect(message).toContain('Traceback');
    expect(message).toContain('2 later cells were not run.');
    expect(first.text).toContain("● Bad › def f():\n\n    KeyError: 'k'");
  });

  it('fails notebooks that cannot be run with the reason', () => {
    expect(file('kernel').message).toContain('No Jupyter kernel named "cobol"');
    expect(file('broken').message).toContain(
      'is not valid JSON (line 1, column 12: the text ends too early)',
    );
    expect(file('text').assertionResults).toMatchObject([{ title: '(no code cells)', status: 'pending' }]);
    expect(first.status).toBe(1);
  });

  it('writes executed notebooks and JUnit reports, of failed ones too', () => {
    const cells = readNotebook(join(folder, 'out', 'bad.ipynb')).cells as CodeCell[];
    expect(cells[2].outputs).toMatchObject([{ output_type: 'error', ename: 'KeyError' }]);
    const junit = readFileSync(join(folder, 'out', 'bad.xml'), 'utf8');
    expect(junit).toContain('tests="4" failures="1" errors="0" skipped="2"');
    expect(junit).toContain('<failure message="KeyError: &#39;k&#39;"'.replace(/&#39;/g, "'"));
  });

  it('compares tagged cells with a tolerance and shows a diff', () => {
    expect(file('compared').assertionResults.map(({ status }) => status)).toEqual([
      'passed',
      'failed',
      'passed',
    ]);
    const [message] = file('compared').assertionResults[1].failureMessages;
    expect(message).toContain('- Stored');
    expect(message).toContain('- old');
    expect(message).toContain('+ new');
    expect(first.report.snapshot).toMatchObject({ matched: 1, unmatched: 1 });
  });

  it('-u stores fresh outputs and touches nothing else; -t selects cells and runs those above', () => {
    const before = readFileSync(compared, 'utf8');
    const { report, status } = jest(folder, { tolerance: { relative: 0.01 } }, '-u', 'compared');
    expect(status).toBe(0);
    expect(report.snapshot.updated).toBe(1);
    expect(readFileSync(compared, 'utf8')).toBe(before.replace('"old\\n"', '"new\\n"'));

    const part = jest(folder, { slow: 'run' }, '-t', 'Part y =', 'good').report.testResults[0]
      .assertionResults;
    expect(part.map(({ status }) => status)).toEqual(['pending', 'passed']);
  });

  it('refuses options that do not exist', () => {
    const { report } = jest(folder, { cellTimout: 3 }, 'good');
    expect(report.testResults[0].message).toContain(
      'has no option "cellTimout" (the nearest is "cellTimeout")',
    );
    expect(existsSync(join(folder, 'out'))).toBe(true);
  });

  it('keeps notebooks of the same name apart', () => {
    mkdirSync(join(folder, 'a'));
    mkdirSync(join(folder, 'b'));
    write('a/same', ['print("in a")']);
    write('b/same', ['print("in b")', '1']);
    const notebooks = { 'b/same.ipynb': { compare: 'none' } };
    const { status } = jest(folder, { outputDir: 'copies', junitDir: 'reports', notebooks }, '[ab]/same');
    expect(status).toBe(0);
    for (const [name, tests] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      const copy = readNotebook(join(folder, 'copies', name, 'same.ipynb'));
      expect(copy.cells[0]).toMatchObject({ outputs: [{ text: `in ${name}\n` }] });
      const report = readFileSync(join(folder, 'reports', name, 'same.xml'), 'utf8');
      expect(report).toContain(`${name}/same.ipynb" tests="${tests}"`);
    }
  });
});
