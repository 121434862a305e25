import { type CellResult, type NotebookResult } from '../../src/nbtest/execute/execute';
import { junitXml } from '../../src/nbtest/junit';
import { code, notebook } from './support/notebooks';

const cell = (index: number, status: CellResult['status']): CellResult => ({
  index,
  cell: code('x'),
  label: { headings: [], title: `x (${index})` },
  status,
  duration: 0,
});

const result = (path: string, cells: CellResult[], rest: Partial<NotebookResult> = {}): NotebookResult => ({
  path,
  passed: !rest.failure,
  cells,
  duration: 0,
  notebook: notebook('python3', []),
  ...rest,
});

describe('a JUnit report', () => {
  const failure = { code: 'start', message: 'no kernel', trace: '' } as const;
  const xml = junitXml([
    result('a.ipynb', [cell(0, 'passed')]),
    result('b.ipynb', [cell(0, 'not-run'), cell(1, 'not-run')], { failure }),
  ]);

  it('counts as many tests as it has test cases, the start of a kernel that failed among them', () => {
    const [all, ...suites] = [...xml.matchAll(/<testsuites? name="(.+?)" tests="([0-9]+)"/g)];
    expect(suites.map(([, name, tests]) => [name, tests])).toEqual([
      ['a.ipynb', '1'],
      ['b.ipynb', '3'],
    ]);
    expect(all[2]).toBe('4');
    expect(xml.match(/<testcase /g)).toHaveLength(4);
    expect(xml).toContain('<testsuites name="nbtest" tests="4" failures="0" errors="1" skipped="2"');
  });
});
