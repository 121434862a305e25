import { readdirSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

/** The part of jasmine-core's interface that the harness uses. */
export interface SpecResult {
  id: string;
  fullName: string;
  status: string;
  failedExpectations: { message: string; stack?: string }[];
}
export interface JasmineEnv {
  configure(options: Record<string, unknown>): void;
  addReporter(reporter: {
    specStarted?(result: SpecResult): void;
    specDone?(result: SpecResult): void;
    suiteDone?(result: SpecResult): void;
  }): void;
  execute(): Promise<{ overallStatus: string }>;
}
interface JasmineCore {
  installGlobals(): void;
  jasmine: { getEnv(): JasmineEnv; DEFAULT_TIMEOUT_INTERVAL: number };
}

const load = createRequire(__filename);

/** Jasmine's `describe`, `it`, … as globals, and its environment. */
export function startJasmine(timeout: number): JasmineEnv {
  const { installGlobals, jasmine } = load('jasmine-core') as JasmineCore;
  installGlobals();
  const env = jasmine.getEnv();
  // The suite of 2024 repeats names, and has specs without an expectation (they pass when nothing throws).
  env.configure({ random: false, forbidDuplicateNames: false, failSpecWithNoExpectations: false });
  jasmine.DEFAULT_TIMEOUT_INTERVAL = timeout;
  return env;
}

interface Resolver {
  _resolveFilename(request: string, ...rest: unknown[]): string;
}

/**
 * Answers two kinds of requests for a module. The suites reach into jasmine-core for a file that newer versions keep to themselves, only
 * to set a time-out on it; that is a stand-in's. And a checkout of TensorFlow.js has no packages of its own; it gets this project's.
 */
function answerRequests(): void {
  const resolver = Module as unknown as Resolver;
  const asBefore = resolver._resolveFilename;
  resolver._resolveFilename = function (request, ...rest) {
    if (request === 'jasmine-core/lib/jasmine-core/jasmine.js') return join(__dirname, 'jasmineStandIn.ts');
    try {
      return asBefore.call(this, request, ...rest);
    } catch (error) {
      if (request.startsWith('.')) throw error;
      return load.resolve(request);
    }
  };
}

/** Where TensorFlow.js's `describeWithFlags` declares specs. @returns it, for `backendName` may be set until the suite starts */
function declareFor(name: string, backendName: string): { backendName: string } {
  answerRequests();
  const util = load('@tensorflow/tfjs-core/dist/jasmine_util') as { setTestEnvs(envs: object[]): void };
  const environment = { name, backendName, flags: {}, isDataSync: true };
  util.setTestEnvs([environment]);
  return environment;
}

/** Declares the specs of TensorFlow.js's published suite for a back end that is registered already. */
export function loadTfjsSuite(backend: string): void {
  declareFor(backend, backend);
  load('@tensorflow/tfjs-core/dist/tests');
}

/** Where the specs of tfjs-layers are in a checkout of TensorFlow.js. */
export const layersFolder = (checkout: string) => resolve(checkout, 'tfjs-layers', 'src');

/**
 * Declares the specs of tfjs-layers, which its npm package leaves out, for a back end that is registered already: those for all back
 * ends and those for `cpu` alone.
 * @param checkout folder of TensorFlow.js's repository
 */
export function loadLayersSuite(backend: string, checkout: string): void {
  const environment = declareFor(backend, 'cpu');
  const folder = layersFolder(checkout);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const file of files.filter(name => name.endsWith('_test.ts')).sort()) load(join(folder, file));
  environment.backendName = backend;
}

/** Declares the specs of a module. */
export function loadSpecs(file: string): void {
  load(file);
}
