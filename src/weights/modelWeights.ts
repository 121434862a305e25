import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { type NamedArray, type NamedArrays } from './arrays';

/** A weight of a model: its stable name ('stage1/block1/conv1/kernel') and its variable. */
export interface ModelWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly trainable: boolean;
  readonly variable: tf.LayerVariable;
}

/** Every weight of a model, trainable or not (moving averages), in the order in which its layers were made. */
export function modelWeights(model: tf.LayersModel): ModelWeight[] {
  const layers = [...model.layers].sort((a, b) => a.id - b.id);
  return layers.flatMap(layer =>
    layer.weights.map(variable => ({
      name: variable.originalName,
      shape: variable.shape as number[],
      trainable: layer.trainableWeights.includes(variable),
      variable,
    })),
  );
}

/** Copies a model's weights to the host. */
export async function readWeights(model: tf.LayersModel): Promise<NamedArrays> {
  const arrays: NamedArrays = new Map();
  for (const { name, shape, variable } of modelWeights(model)) {
    const data = new Float32Array(await variable.read().data<'float32'>());
    arrays.set(name, { shape, data });
  }
  return arrays;
}

/** How a set of arrays differs from what a model needs. */
export interface WeightDifference {
  missing: string[];
  surplus: string[];
  /** 'name: file [..], model [..]' */
  otherShape: string[];
}

/** Compares arrays with a model's weights by name and shape. */
export function compareWeights(model: tf.LayersModel, arrays: NamedArrays): WeightDifference {
  const weights = modelWeights(model);
  const names = new Set(weights.map(weight => weight.name));
  const missing: string[] = [];
  const otherShape: string[] = [];
  for (const { name, shape } of weights) {
    const found = arrays.get(name);
    if (!found) missing.push(name);
    else if (!tf.util.arraysEqual([...found.shape], [...shape])) {
      otherShape.push(`${name}: file [${found.shape}], model [${shape}]`);
    }
  }
  return { missing, surplus: [...arrays.keys()].filter(name => !names.has(name)), otherShape };
}

/** A list for one line of an error: all of it when short, else its beginning and how many more. */
export function shortList(items: readonly string[], most = 8): string {
  const more = items.length - most;
  return items.slice(0, most).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/**
 * Gives a model the weights of the same names.
 * @param source where the arrays come from, for errors.
 * @throws UserError listing what is missing, surplus and of another shape, or what is not finite; the model is then left as it was.
 */
export function writeWeights(model: tf.LayersModel, arrays: NamedArrays, source: string): void {
  const { missing, surplus, otherShape } = compareWeights(model, arrays);
  const problems = [
    ...(missing.length ? [`missing: ${shortList(missing)}`] : []),
    ...(surplus.length ? [`surplus: ${shortList(surplus)}`] : []),
    ...(otherShape.length ? [`of another shape: ${shortList(otherShape)}`] : []),
  ];
  if (problems.length) {
    throw new UserError(
      `${source} does not fit the model '${model.name}' (${problems.join('; ')}); take the weights of this architecture, or importWeights with a mapping.`,
    );
  }
  const diverged = [...arrays].flatMap(([name, { data }]) => (data.every(Number.isFinite) ? [] : [name]));
  if (diverged.length) {
    throw new UserError(
      `${source} holds NaN or infinity in ${shortList(diverged)}, as after a training that diverged; take other weights.`,
    );
  }
  for (const { name, variable } of modelWeights(model)) assign(variable, arrays.get(name)!);
}

function assign(variable: tf.LayerVariable, { data, shape }: NamedArray): void {
  tf.tidy(() => {
    variable.write(tf.tensor(data, [...shape], 'float32'));
  });
}
