import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { replaceFile } from '../atomicFile';
import { projectRoot } from '../projectRoot';
import { UserError } from '../errors';
import { type NamedArrays } from './arrays';
import { readWeights, writeWeights } from './modelWeights';
import { decodeNpz } from './npz';
import { decodeSafetensors, encodeSafetensors, type EncodeOptions } from './safetensors';

/**
 * Reads every array of a .safetensors or .npz file.
 * @throws UserError when there is no such file, or it is of another kind, or damaged.
 */
export function readArrays(path: string): { arrays: NamedArrays; metadata: Record<string, string> } {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new UserError(`There is no file '${path}'; check the path.`);
  if (stat.isDirectory())
    throw new UserError(`'${path}' is a folder; name a .safetensors or .npz file in it.`);
  const extension = extname(path);
  if (extension === '.npz') return { arrays: decodeNpz(readFileSync(path), path), metadata: {} };
  if (extension === '.safetensors') {
    const { tensors, metadata } = decodeSafetensors(readFileSync(path), path);
    return { arrays: tensors, metadata };
  }
  throw new UserError(`'${path}' is neither .safetensors nor .npz; convert it to one of these.`);
}

/** What the format of a training checkpoint is called in its metadata, before its version. */
export const CHECKPOINT_FORMAT = 'cifar-ts checkpoint';

/**
 * As `readArrays`, of weights only.
 * @throws UserError also when it is a checkpoint, which holds more than weights and other names.
 */
export function readWeightArrays(path: string): ReturnType<typeof readArrays> {
  const found = readArrays(path);
  if (found.metadata.format?.startsWith(CHECKPOINT_FORMAT))
    throw new UserError(
      `'${path}' is a checkpoint, which a training goes on from; its weights are best.safetensors and final.safetensors in the same folder: name one of these.`,
    );
  return found;
}

/**
 * Saves a model's weights, moving averages included, as safetensors under their stable names. The file appears whole or not
 * at all.
 * @param options `dtype: 'f16'` halves the kernels; `metadata` is free text by key. The architecture's name is added.
 */
export async function saveWeights(model: tf.LayersModel, path: string, options: EncodeOptions = {}): Promise<void> {
  const metadata = { model: model.name, ...options.metadata };
  replaceFile(path, encodeSafetensors(await readWeights(model), { ...options, metadata }));
}

/**
 * Loads weights that `saveWeights` wrote (or any .safetensors or .npz with the model's own names) into a model.
 * @returns the file's metadata.
 * @throws UserError when the file can't be read or is a checkpoint, listing what is missing, surplus and of another shape, or naming
 * what is not finite; the model is then left as it was.
 */
export function loadWeights(model: tf.LayersModel, path: string): Record<string, string> {
  const { arrays, metadata } = readWeightArrays(path);
  writeWeights(model, arrays, `'${path}'`);
  return metadata;
}

/** Where the project's own weights lie, from its root. */
export const PRETRAINED_FOLDER = join('weights', 'pretrained');

/**
 * The file of the weights that the project ships for a model: weights/pretrained/<name>.safetensors.
 * @throws UserError when none is shipped.
 */
export function pretrainedPath(name: string): string {
  const path = join(projectRoot(), PRETRAINED_FOLDER, `${name}.safetensors`);
  if (!existsSync(path)) {
    throw new UserError(
      `No pretrained weights are shipped for '${name}' (${PRETRAINED_FOLDER}/${name}.safetensors); train the model, or leave out pretrained.`,
    );
  }
  return path;
}
