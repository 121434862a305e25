import { basename, isAbsolute, join } from 'node:path';
import { type CompareOptions } from '../compare/options';
import { NbtestError } from '../errors';
import { type ExecuteOptions, settings } from '../execute/options';
import { isObject, type JsonObject } from '../json';
import { type Notebook } from '../notebook/types';

/** What governs one notebook when it is a jest test file. */
export interface NotebookTestOptions extends Partial<ExecuteOptions>, Partial<CompareOptions> {
  /** Folder for executed copies, also of failed notebooks; relative to jest's rootDir. */
  outputDir?: string;
  /** Folder for JUnit reports, one a notebook; relative to jest's rootDir. */
  junitDir?: string;
}

/** `testEnvironmentOptions.nbtest` of a jest project. */
export interface JestOptions extends NotebookTestOptions {
  /** Options for single notebooks by file name, over the common ones. */
  notebooks?: Record<string, NotebookTestOptions>;
}

const known: Record<keyof JestOptions, true> = {
  kernelName: true,
  kernelDirs: true,
  cwd: true,
  env: true,
  cellTimeout: true,
  timeout: true,
  startTimeout: true,
  interruptGrace: true,
  allowErrors: true,
  slow: true,
  outputLimit: true,
  parameters: true,
  recordTiming: true,
  compare: true,
  sanitize: true,
  tolerance: true,
  ignoreMimeTypes: true,
  ignoreStderr: true,
  outputDir: true,
  junitDir: true,
  notebooks: true,
};

/**
 * The options for one notebook, weakest first: the project's, those under `notebooks`, the environment variable
 * NBTEST_SLOW. Parameters add up, the notebook's own `metadata.nbtest.parameters` being the weakest.
 * Throws NbtestError 'usage' for an option that does not exist.
 */
export function jestOptions(
  given: unknown,
  rootDir: string,
  path: string,
  notebook: Notebook,
): NotebookTestOptions {
  const { notebooks = {}, ...common } = checked(given ?? {}, 'testEnvironmentOptions.nbtest');
  const name = basename(path);
  const own = checked(notebooks[name] ?? {}, `testEnvironmentOptions.nbtest.notebooks["${name}"]`);
  const merged: NotebookTestOptions = { ...common, ...own };
  const inFile = settings(notebook.metadata).parameters;
  const parameters: JsonObject = {
    ...(isObject(inFile) ? inFile : {}),
    ...common.parameters,
    ...own.parameters,
  };
  if (Object.keys(parameters).length > 0) merged.parameters = parameters;
  const slow = process.env.NBTEST_SLOW;
  if (slow === 'run' || slow === 'skip') merged.slow = slow;
  const below = (folder: string): string => (isAbsolute(folder) ? folder : join(rootDir, folder));
  for (const key of ['cwd', 'outputDir', 'junitDir'] as const) {
    const folder = merged[key];
    if (folder !== undefined) merged[key] = below(folder);
  }
  if (merged.kernelDirs) merged.kernelDirs = merged.kernelDirs.map(below);
  return merged;
}

function checked(value: unknown, where: string): JestOptions {
  if (!isObject(value)) throw new NbtestError('usage', `${where} in jest's configuration must be an object`);
  const unknown = Object.keys(value).filter(key => !(key in known));
  if (unknown.length === 0) return value as JestOptions;
  const names = Object.keys(known).join(', ');
  throw new NbtestError(
    'usage',
    `${where} in jest's configuration has no option ${unknown.join(', ')}: there are ${names}`,
  );
}
