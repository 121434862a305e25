import { basename } from 'node:path';
import { failureReport } from './execute/failure';
import { type CellResult, type NotebookResult } from './execute/execute';
import { writeAtomically } from './notebook/write';

/** Writes a JUnit XML report: a suite a notebook, a test case a cell. Read by GitLab, Jenkins, GitHub actions and others. */
export function writeJUnit(path: string, results: readonly NotebookResult[]): void {
  writeAtomically(path, junitXml(results));
}

/** The text of the report. */
export function junitXml(results: readonly NotebookResult[]): string {
  const count = { tests: 0, failures: 0, errors: 0, skipped: 0, time: 0 };
  const suites = results.map(result => {
    const of = (status: CellResult['status']): number =>
      result.cells.filter(cell => cell.status === status).length;
    // What fails the notebook as a whole is a test case of its own.
    const errors = result.failure ? 1 : 0;
    const own = {
      tests: result.cells.length + errors,
      failures: of('failed'),
      errors,
      skipped: of('skipped') + of('not-run'),
      time: result.duration / 1000,
    };
    for (const key of Object.keys(count) as (keyof typeof count)[]) count[key] += own[key];
    const cases = result.cells.map(cell => testCase(result.path, cell));
    if (result.failure) {
      cases.unshift(
        element('testcase', { classname: result.path, name: 'the notebook can be run', time: '0' }, [
          element('error', { message: result.failure.message }, [escape(result.failure.message)]),
        ]),
      );
    }
    return element('testsuite', { name: result.path, ...attributes(own) }, cases);
  });
  const all = element('testsuites', { name: 'nbtest', ...attributes(count) }, suites);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${all}\n`;
}

function testCase(path: string, result: CellResult): string {
  const { label, cell, failure } = result;
  const head = {
    classname: [basename(path), ...label.headings].join('.'),
    name: label.title,
    file: path,
    time: (result.duration / 1000).toFixed(3),
  };
  if (failure) {
    const report = failureReport(placeOf(path, result), cell, failure);
    return element('testcase', head, [
      element('failure', { message: failure.message, type: failure.code }, [escape(report)]),
    ]);
  }
  if (result.status === 'passed') return element('testcase', head, []);
  return element('testcase', head, [element('skipped', { message: result.reason ?? result.status }, [])]);
}

/** Names a cell for a reader: file, position, prompt number. */
export function placeOf(path: string, result: Pick<CellResult, 'index' | 'cell'>): string {
  const prompt = result.cell.execution_count === null ? '' : ` (In [${result.cell.execution_count}])`;
  return `${path}, cell ${result.index + 1}${prompt}`;
}

function attributes(counts: Record<string, number>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(counts).map(([key, value]) => [key, key === 'time' ? value.toFixed(3) : String(value)]),
  );
}

function element(name: string, attrs: Record<string, string>, children: readonly string[]): string {
  const open = [name, ...Object.entries(attrs).map(([key, value]) => `${key}="${escape(value)}"`)].join(' ');
  return children.length === 0 ? `<${open}/>` : `<${open}>\n${children.join('\n')}\n</${name}>`;
}

function escape(text: string): string {
  return (
    text
      // Characters that XML 1.0 cannot hold.
      // eslint-disable-next-line no-control-regex
      .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      .replace(/"/g, '&quot;')
  );
}
