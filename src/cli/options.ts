/** Options that several commands share, and how their values are read. */
import { type Command, Option } from 'commander';
import { BACKEND_NAMES, selectBackend, type BackendName, type SelectedBackend } from '../backends';
import { MODELS } from '../models';
import { PRECISIONS } from '../train/options';
import { whole } from './numbers';

export const jsonOption = () => new Option('--json', 'print JSON');

export const backendOption = () =>
  new Option('--backend <name>', 'what to compute on (default: the best that works)').choices(BACKEND_NAMES);

export const dataOption = () =>
  new Option(
    '--data <folder>',
    "folder with CIFAR-10's binary batches (default: the images installed by npm)",
  );

/** In what products are computed. */
export const precisionOption = () =>
  new Option('--precision <name>', 'of products (back end xla; default: float32)').choices(PRECISIONS);

/** How many devices share a run. */
export const devicesOption = () =>
  new Option('--devices <n>', 'devices that share each batch (back end xla; default: 1)').argParser(whole(1));

/**
 * Adds --model, which must be given. Not commander's `requiredOption`: that misses a misspelt `--modle` before it says that there is
 * no such option.
 */
export function requireModel(command: Command): Command {
  return command
    .option('--model <name>', "one of 'cifar models'; resnet20 is short for resnet20_v1")
    .hook('preAction', called => {
      if (called.getOptionValue('model') === undefined)
        called.error("error: required option '--model <name>' not specified");
    });
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
