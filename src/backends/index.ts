/**
 * Which back end TensorFlow.js computes on: the best that works here, in the order
 * XLA (GPU plugin, then CPU plugin) → TensorFlow → WebAssembly → plain JavaScript.
 */
import { UserError } from '../errors';
import {
  BACKEND_NAMES,
  type Availability,
  type Backend,
  type BackendName,
  type Started,
  firstLine,
} from './backend';
import { cpuBackend, silenceCpuBanner } from './cpu';
import { tensorflowBackend } from './tensorflow';
import { wasmBackend } from './wasm';
import { xlaBackend } from './xla';

export { BACKEND_NAMES, type BackendName } from './backend';

/** Best first. */
const backends: readonly Backend[] = [xlaBackend, tensorflowBackend, wasmBackend, cpuBackend];

/** A back end that was not taken, or a plugin of the one that was, and why. */
export interface PassedOver {
  name: BackendName;
  /** One line; names the mend where there is one. */
  reason: string;
}

/** What `selectBackend` took. */
export interface SelectedBackend {
  name: BackendName;
  kind: Started['kind'];
  /** What it computes on, e.g. "tensorflow-cpu 2.21.0 on all cores". */
  device: string;
  /** One sentence for people: what was taken and why. */
  why: string;
  passedOver: PassedOver[];
}

/** The environment variable that names a back end for programs and notebooks that don't. */
export const BACKEND_VARIABLE = 'CIFAR_BACKEND';

function byName(name: string, from: string): Backend {
  const backend = backends.find(candidate => candidate.name === name);
  if (!backend)
    throw new UserError(`There is no back end "${name}" (${from}): use one of ${BACKEND_NAMES.join(', ')}.`);
  return backend;
}

/** What a back end that was taken does not run on, and why. */
const withinBackend = ({ name }: Backend, { passedOver = [] }: Started): PassedOver[] =>
  passedOver.map(reason => ({ name, reason }));

/** Starts the one back end that was asked for. */
async function startAsked(backend: Backend, from: string): Promise<SelectedBackend> {
  const available = await backend.check();
  if (available.available === false)
    throw new UserError(`Back end ${backend.name} (${from}) can't be used: ${available.reason}.`);
  let started: Started;
  try {
    started = await backend.start();
  } catch (error) {
    throw new UserError(`Back end ${backend.name} (${from}) doesn't start: ${firstLine(error)}`);
  }
  const why = `${started.device}: asked for (${from})`;
  return { name: backend.name, ...started, why, passedOver: withinBackend(backend, started) };
}

/**
 * Makes the best back end that works TensorFlow.js's current one, and says which and why.
 *
 * All of them train every model of this project, with the same losses to within rounding (tests/backends).
 *
 * @param options.prefer take this one and no other; the environment variable CIFAR_BACKEND does the same
 * @throws UserError when the one asked for can't be used (without `prefer` it never fails: plain JavaScript always works)
 */
export async function selectBackend(options: { prefer?: BackendName } = {}): Promise<SelectedBackend> {
  silenceCpuBanner();
  if (options.prefer) return startAsked(byName(options.prefer, 'prefer'), 'prefer');
  const variable = process.env[BACKEND_VARIABLE];
  if (variable) return startAsked(byName(variable, BACKEND_VARIABLE), BACKEND_VARIABLE);

  const passedOver: PassedOver[] = [];
  for (const backend of backends) {
    const available = await backend.check();
    if (available.available === false) {
      passedOver.push({ name: backend.name, reason: available.reason });
      continue;
    }
    try {
      const started = await backend.start();
      const better = passedOver.map(({ name }) => name).join(', ');
      const why = better ? `the best that works here (not ${better})` : 'the best there is';
      return { name: backend.name, ...started, why: `${started.device}: ${why}`, passedOver };
    } catch (error) {
      passedOver.push({ name: backend.name, reason: firstLine(error) });
    }
  }
  throw new Error(
    `No back end works: ${passedOver.map(({ name, reason }) => `${name}: ${reason}`).join('; ')}`,
  );
}

/** Every back end, best first, and whether it can be started here. Starts nothing. */
export async function listBackends(): Promise<({ name: BackendName; summary: string } & Availability)[]> {
  return Promise.all(
    backends.map(async backend => ({
      name: backend.name,
      summary: backend.summary,
      ...(await backend.check()),
    })),
  );
}
