import { createRequire } from 'node:module';
import Module from 'node:module';
import { join } from 'node:path';

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
 * tfjs-core's suite reaches into jasmine-core for a file that newer versions keep to themselves, only to set a time-out on it.
 * That request is answered with a stand-in.
 */
function answerDeepImport(): void {
  const resolver = Module as unknown as Resolver;
  const resolve = resolver._resolveFilename;
  resolver._resolveFilename = function (request, ...rest) {
    if (request === 'jasmine-core/lib/jasmine-core/jasmine.js') return join(__dirname, 'jasmineStandIn.ts');
    return resolve.call(this, request, ...rest);
  };
}

/** Declares the specs of TensorFlow.js's published suite for a back end that is registered already. */
export function loadTfjsSuite(backend: string): void {
  answerDeepImport();
  const util = load('@tensorflow/tfjs-core/dist/jasmine_util') as { setTestEnvs(envs: object[]): void };
  util.setTestEnvs([{ name: backend, backendName: backend, flags: {}, isDataSync: true }]);
  load('@tensorflow/tfjs-core/dist/tests');
}

/** Declares the specs of a module. */
export function loadSpecs(file: string): void {
  load(file);
}
