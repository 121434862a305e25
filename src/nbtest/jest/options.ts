import { isAbsolute, join } from 'node:path';
import { compareRules, type GivenCompareOptions } from '../compare/options';
import { executeRules, type GivenExecuteOptions, settings } from '../execute/options';
import { isObject, type JsonObject } from '../json';
import { type Notebook } from '../notebook/types';
import { mapOf, objectOf, oneOf, text } from '../rules';
import { entryFor, type JestPlaces } from './places';

/** What governs one notebook when it is a jest test file. */
export interface NotebookTestOptions extends GivenExecuteOptions, GivenCompareOptions {
  /** Folder for executed copies, also of failed notebooks; relative to jest's rootDir. */
  outputDir?: string;
  /** Folder for JUnit reports, one a notebook; relative to jest's rootDir. */
  junitDir?: string;
}

/** `testEnvironmentOptions.nbtest` of a jest project. */
export interface JestOptions extends NotebookTestOptions {
  /**
   * Options for single notebooks, over the common ones: by their paths relative to jest's rootDir, or by their file names
   * where no other notebook has the same.
   */
  notebooks?: Record<string, NotebookTestOptions>;
}

const notebookRules = { ...executeRules, ...compareRules, outputDir: text, junitDir: text };
const jestRules = { ...notebookRules, notebooks: mapOf(objectOf(notebookRules)) };

/**
 * The options for one notebook, weakest first: the project's, those under `notebooks`, the environment variable
 * NBTEST_SLOW. Parameters add up, the notebook's own `metadata.nbtest.parameters` being the weakest.
 * Throws NbtestError 'usage' for an option that does not exist and for a value that cannot be used.
 */
export function jestOptions(
  given: unknown,
  places: JestPlaces,
  path: string,
  notebook: Notebook,
): NotebookTestOptions {
  const { notebooks = {}, ...common } = checked(given ?? {});
  const below = (folder: string): string => (isAbsolute(folder) ? folder : join(places.rootDir, folder));
  const own = entryFor(notebooks, path, places, common.outputDir && below(common.outputDir)) ?? {};
  const merged: NotebookTestOptions = { ...common, ...own };
  const inFile = settings(notebook.metadata).parameters;
  const parameters: JsonObject = {
    ...(isObject(inFile) ? inFile : {}),
    ...common.parameters,
    ...own.parameters,
  };
  if (Object.keys(parameters).length > 0) merged.parameters = parameters;
  merged.slow = slowByEnvironment() ?? merged.slow;
  for (const key of ['cwd', 'outputDir', 'junitDir'] as const) {
    const folder = merged[key];
    if (folder !== undefined) merged[key] = below(folder);
  }
  if (merged.kernelDirs) merged.kernelDirs = merged.kernelDirs.map(below);
  return merged;
}

function checked(value: unknown): JestOptions {
  objectOf(jestRules)(value, { where: "testEnvironmentOptions.nbtest in jest's configuration", name: '' });
  return value as JestOptions;
}

/** What the environment variable NBTEST_SLOW says about cells tagged `slow`; undefined if it is not set. */
function slowByEnvironment(): 'run' | 'skip' | undefined {
  const value = process.env.NBTEST_SLOW;
  if (value === undefined || value === '') return undefined;
  oneOf('run', 'skip')(value, { where: 'The environment variable NBTEST_SLOW', name: '' });
  return value as 'run' | 'skip';
}
