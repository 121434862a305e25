/**
 * The jest test runner for notebooks: `testRunner` of a jest project whose `testMatch` finds `.ipynb` files.
 * Jest keeps doing what it does for other test files: choosing them, spreading them over workers, reporting.
 */
import { type TestEvents, type TestResult } from '@jest/test-result';
import { type Config } from '@jest/types';
import { relative } from 'node:path';
import { NbtestError } from '../errors';
import { type CellResult, executeNotebook, startFailure } from '../execute/execute';
import { writeJUnit } from '../junit';
import { readNotebook } from '../notebook/read';
import { jestOptions } from './options';
import { placeBelow } from './places';
import { cellTest, countNotRun, fileResult, fullName } from './result';
import { OutputSnapshots } from './snapshots';

type Send = <T extends keyof TestEvents>(event: T, args: TestEvents[T]) => unknown;

export default async function runNotebook(
  globalConfig: Config.GlobalConfig,
  config: Config.ProjectConfig,
  _environment: unknown,
  _runtime: unknown,
  path: string,
  send: Send = () => undefined,
): Promise<TestResult> {
  const counts = { added: 0, matched: 0, unmatched: 0, updated: 0 };
  const place = relative(process.cwd(), path);
  try {
    const notebook = readNotebook(path);
    const options = jestOptions(config.testEnvironmentOptions.nbtest, config, path, notebook);
    const { outputDir, junitDir } = options;
    const compare = { ...options, expand: globalConfig.expand };
    const snapshots = new OutputSnapshots(notebook, path, compare, globalConfig.updateSnapshot);
    const pattern = globalConfig.testNamePattern ? new RegExp(globalConfig.testNamePattern, 'i') : undefined;
    const selected = (cell: CellResult): boolean => pattern?.test(fullName(cell)) ?? true;

    const result = await executeNotebook(notebook, path, options, {
      saveTo: outputDir && placeBelow(outputDir, config.rootDir, path),
      until: pattern && selected,
      onCellEnd: cell => {
        checkOutputs(snapshots, cell);
        send('test-case-result', [path, cellTest(place, cell, selected(cell))]);
      },
    });
    snapshots.save();
    if (junitDir) {
      const report = placeBelow(junitDir, config.rootDir, path).replace(/(\.ipynb)?$/, '.xml');
      writeJUnit(report, [{ ...result, path: place }]);
    }
    const notRun = countNotRun(result.cells);
    const tests = result.cells.map(cell =>
      cellTest(place, cell, selected(cell), cell.failure?.code === 'output' ? 0 : notRun),
    );
    return fileResult(path, tests, snapshots.counts, result.failure);
  } catch (error) {
    if (!(error instanceof NbtestError)) throw error;
    return fileResult(path, [], counts, startFailure(error));
  }
}

function checkOutputs(snapshots: OutputSnapshots, cell: CellResult): void {
  try {
    snapshots.check(cell);
  } catch (error) {
    if (!(error instanceof NbtestError)) throw error;
    Object.assign(cell, { status: 'failed', failure: startFailure(error) });
  }
}
