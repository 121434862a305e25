/** Options that several commands share, and how their values are read. */
import { InvalidArgumentError, Option } from 'commander';
import { BACKEND_NAMES, selectBackend, type BackendName, type SelectedBackend } from '../backends';
import { MODELS } from '../models';

export const jsonOption = () => new Option('--json', 'print JSON');

export const backendOption = () =>
  new Option('--backend <name>', 'what to compute on (default: the best that works)').choices(BACKEND_NAMES);

export const dataOption = () =>
  new Option(
    '--data <folder>',
    "folder with CIFAR-10's binary batches (default: the images installed by npm)",
  );

/** How many devices share a run. */
export const devicesOption = () =>
  new Option('--devices <n>', 'devices that share each batch (back end xla; default: 1)').argParser(whole(1));

/** A whole number of at least `least`. */
export function whole(least: number): (text: string) => number {
  return text => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`Give a whole number of at least ${least}.`);
    return value;
  };
}

/** A number above 0. */
export function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Give a number above 0.');
  return value;
}

/** 'resnet20' is short for 'resnet20_v1'. */
export function modelName(name: string): string {
  return MODELS.some(model => model.name === name) ? name : shortName(name);
}

function shortName(name: string): string {
  return MODELS.some(model => model.name === `${name}_v1`) ? `${name}_v1` : name;
}

/** Starts the back end and says on stderr which. */
export async function startBackend(prefer: BackendName | undefined): Promise<SelectedBackend> {
  const backend = await selectBackend({ prefer });
  console.error(backend.why);
  return backend;
}
