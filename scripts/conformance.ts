/**
 * npm run conformance -- --backend NAME [--layers FOLDER]
 *
 * Runs the test suite that TensorFlow.js publishes for its back ends (4,200 specs of tfjs-core, 3,000 of them about kernels and
 * gradients) on one of this project's; or that of tfjs-layers (2,600 specs), from a checkout of TensorFlow.js.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { BACKEND_NAMES } from '../src/backends';
import { UserError } from '../src/errors';
import { layersFolder } from '../tests/conformance/jasmine';
import { countsAsText, failuresAsText, makeReport } from '../tests/conformance/report';
import { superviseSuite } from '../tests/conformance/superviseSuite';

const HELP = `npm run conformance -- --backend NAME [OPTIONS]

Runs TensorFlow.js's published test suite on a back end (${BACKEND_NAMES.join(', ')}).

  --layers FOLDER  the specs of tfjs-layers instead, from a checkout of TensorFlow.js
  --filter REGEX   only specs whose name it matches ("matmul {} A x B", with {} for the back end)
  --share X        only this share of the specs, 0 to 1, the same ones each time (default 1)
  --timeout MS     limit of a spec (default 120000)
  --out FILE       the record, JSON (default logs/conformance-NAME.json, with --layers conformance-layers-NAME.json)
  --quiet          no list of failures, only the counts
  --help           this text`;

function readOptions() {
  const string = { type: 'string' } as const;
  const boolean = { type: 'boolean' } as const;
  const options = {
    backend: string,
    layers: string,
    filter: string,
    share: string,
    timeout: string,
    out: string,
    quiet: boolean,
    help: boolean,
  };
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new UserError(`${(error as Error).message} (--help lists the options)`);
  }
}

function numberOption(name: string, text: string, most: number): number {
  const value = Number(text);
  if (!(value > 0 && value <= most))
    throw new UserError(`--${name} is ${text}: give a number above 0, at most ${most}`);
  return value;
}

/** Which suite it is, with its version. */
function suiteOf(layers?: string): string {
  if (!layers) return `tfjs-core ${tf.version_core}`;
  if (!existsSync(layersFolder(layers)))
    throw new UserError(`--layers ${layers}: no tfjs-layers/src in it; give a checkout of TensorFlow.js`);
  try {
    const git = ['-C', layers, 'rev-parse', '--short', 'HEAD'];
    return `tfjs-layers ${execFileSync('git', git, { encoding: 'utf8', stdio: 'pipe' }).trim()}`;
  } catch {
    return 'tfjs-layers'; // a folder that git does not know
  }
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) return console.log(HELP);
  const { backend, layers, filter } = options;
  if (!backend || !(BACKEND_NAMES as readonly string[]).includes(backend)) {
    throw new UserError(`--backend ${backend ?? 'is missing'}: give one of ${BACKEND_NAMES.join(', ')}`);
  }
  const share = numberOption('share', options.share ?? '1', 1);
  const timeout = numberOption('timeout', options.timeout ?? '120000', 600_000);

  const suite = suiteOf(layers);

  let ran = 0;
  const started = performance.now();
  const records = await superviseSuite({
    backend,
    layers,
    filter,
    share,
    timeout,
    onSpec: ({ name, outcome }) => {
      ran++;
      if (outcome === 'crashed' || outcome === 'hung') console.log(`${outcome}: ${name}`);
      if (ran % 500 === 0)
        console.log(`${ran} specs, ${((performance.now() - started) / 1000).toFixed(0)} s`);
    },
  });
  const report = makeReport(records, { backend, suite, filter, share });
  const out = options.out ?? join('logs', `conformance${layers ? '-layers' : ''}-${backend}.json`);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, null, 2)}\n`);
  if (report.failures.length > 0 && !options.quiet) console.log(`\n${failuresAsText(report)}\n`);
  console.log(`${report.suite} on ${backend}: ${countsAsText(report)} (${out})`);
  process.exitCode = report.failures.length > 0 ? 1 : 0;
}

main().catch((error: unknown) => {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = 1;
});
