/** A program, started by superviseSuite: runs specs on a back end and appends what happens to a file (see events.ts). */
import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { type BackendName, selectBackend } from '../../src/backends';
import { exclusionReason, plainName } from './exclusions';
import { type SuiteEvent, type SuiteOptions } from './events';
import { type SpecResult, loadLayersSuite, loadSpecs, loadTfjsSuite, startJasmine } from './jasmine';

interface Spec {
  id: string;
  getFullName(): string;
}

/** A number in [0, 1) from a name: the same specs make up a share each time. */
function place(name: string): number {
  return createHash('md5').update(name).digest().readUInt32LE(0) / 2 ** 32;
}

const describeFailure = (result: SpecResult) =>
  result.failedExpectations
    .map(({ message, stack }) =>
      /^Error/.test(message) ? `${message}\n${(stack ?? '').split('\n').slice(0, 6).join('\n')}` : message,
    )
    .join('\n')
    .slice(0, 2000);

async function main(options: SuiteOptions): Promise<void> {
  const tell = (event: SuiteEvent) => appendFileSync(options.events, `${JSON.stringify(event)}\n`);
  const { backend } = options;
  await selectBackend({ prefer: backend as BackendName });
  const env = startJasmine(options.timeout);
  if (options.specs) options.specs.forEach(loadSpecs);
  else if (options.layers) loadLayersSuite(backend, options.layers);
  else loadTfjsSuite(backend);

  let kernels = new Set<string>();
  const engine = tf.engine();
  const runKernel = engine.runKernel.bind(engine);
  engine.runKernel = (name, ...rest) => {
    kernels.add(name);
    return runKernel(name, ...rest);
  };

  const done = new Set(options.done);
  const filter = options.filter ? new RegExp(options.filter) : undefined;
  const decided = new Map<string, boolean>();
  const decide = (id: string, name: string): boolean => {
    if (filter && !filter.test(name)) return false;
    if (place(`${name} ${id}`) >= options.share || done.has(id)) return false;
    const reason = exclusionReason(name, backend);
    if (reason) tell({ event: 'excluded', id, name, reason });
    return reason === undefined;
  };
  // Jasmine may ask more than once for a spec.
  const specFilter = (spec: Spec): boolean => {
    if (!decided.has(spec.id)) decided.set(spec.id, decide(spec.id, plainName(spec.getFullName(), backend)));
    return decided.get(spec.id)!;
  };
  env.configure({ specFilter });
  env.addReporter({
    specStarted(result) {
      if (!decided.get(result.id)) return;
      kernels = new Set();
      tell({ event: 'started', id: result.id, name: plainName(result.fullName, backend) });
    },
    specDone(result) {
      if (!decided.get(result.id)) return;
      const status = result.status === 'passed' || result.status === 'failed' ? result.status : 'pending';
      const message = status === 'failed' ? describeFailure(result) : undefined;
      tell({ event: 'done', id: result.id, status, message, kernels: [...kernels] });
    },
    suiteDone(result) {
      if (result.failedExpectations.length === 0) return;
      tell({
        event: 'suiteFailed',
        name: plainName(result.fullName, backend),
        message: describeFailure(result),
      });
    },
  });
  await env.execute();
  tell({ event: 'end' });
  process.exit(0);
}

main(JSON.parse(process.argv[2]) as SuiteOptions).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
