import { type AssertionResult, type TestResult } from '@jest/test-result';
import { styleText } from 'node:util';
import { type CellResult, type NotebookResult } from '../execute/execute';
import { type CellFailure, failureReport } from '../execute/failure';
import { placeOf } from '../junit';
import { type OutputSnapshots } from './snapshots';

/** A cell's name as jest's `-t` sees it: headings and title. */
export function fullName({ label }: Pick<CellResult, 'label'>): string {
  return [...label.headings, label.title].join(' ');
}

/** One cell as a jest test. Cells that were skipped, not selected or not run are 'pending', as after `test.skip`. */
export function cellTest(path: string, result: CellResult, selected: boolean, notRun = 0): AssertionResult {
  const { failure, label, status } = result;
  const rest = notRun > 0 ? `\n\n${notRun} later ${notRun === 1 ? 'cell was' : 'cells were'} not run.` : '';
  return {
    ancestorTitles: label.headings,
    title: label.title,
    fullName: fullName(result),
    duration: status === 'passed' || status === 'failed' ? Math.round(result.duration) : null,
    failureDetails: [],
    failureMessages: failure ? [failureReport(placeOf(path, result), result.cell, failure) + rest] : [],
    numPassingAsserts: status === 'passed' && selected ? 1 : 0,
    status: status === 'failed' ? 'failed' : status === 'passed' && selected ? 'passed' : 'pending',
  };
}

/** A notebook as a jest test file. */
export function fileResult(
  path: string,
  cells: AssertionResult[],
  snapshot: OutputSnapshots['counts'],
  failure?: CellFailure,
): TestResult {
  const tests = cells.length > 0 ? cells : [wholeNotebook(failure)];
  const count = (status: AssertionResult['status']): number =>
    tests.filter(test => test.status === status).length;
  const messages = cells.filter(test => test.status === 'failed').map(failureText);
  if (failure) messages.unshift(bullet('Notebook failed to run', failure.message));
  return {
    failureMessage: messages.length > 0 ? messages.join('\n') : null,
    leaks: false,
    numFailingTests: count('failed'),
    numPassingTests: count('passed'),
    numPendingTests: count('pending'),
    numTodoTests: 0,
    openHandles: [],
    perfStats: {
      end: 0,
      loadTestEnvironmentEnd: 0,
      loadTestEnvironmentStart: 0,
      runtime: 0,
      setupAfterEnvEnd: 0,
      setupAfterEnvStart: 0,
      setupFilesEnd: 0,
      setupFilesStart: 0,
      slow: false,
      start: 0,
    },
    skipped: false,
    snapshot: { ...snapshot, fileDeleted: false, unchecked: 0, uncheckedKeys: [] },
    testExecError: failure && { message: failure.message, stack: failure.message },
    testFilePath: path,
    testResults: tests,
  };
}

// Jest wants at least one test in a file.
function wholeNotebook(failure: CellFailure | undefined): AssertionResult {
  return {
    ancestorTitles: [],
    title: failure ? 'the notebook can be run' : '(no code cells)',
    fullName: '',
    failureDetails: [],
    failureMessages: failure ? [failure.message] : [],
    numPassingAsserts: 0,
    status: failure ? 'failed' : 'pending',
  };
}

/** How many cells were not run because an earlier one failed. */
export function countNotRun(cells: NotebookResult['cells']): number {
  return cells.filter(({ status }) => status === 'not-run').length;
}

function failureText(test: AssertionResult): string {
  return bullet([...test.ancestorTitles, test.title].join(' › '), test.failureMessages.join('\n'));
}

function bullet(title: string, text: string): string {
  const indented = text.replace(/^(?=.)/gm, '    ');
  return `${red(`  ● ${title}`)}\n\n${indented}\n`;
}

function red(text: string): string {
  const { FORCE_COLOR, NO_COLOR } = process.env;
  const coloured = FORCE_COLOR === undefined ? process.stdout.isTTY && !NO_COLOR : FORCE_COLOR !== '0';
  return coloured ? styleText(['red', 'bold'], text) : text;
}
