import type * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { elementCount, type NamedArray, type NamedArrays } from './arrays';
import { readWeightArrays } from './files';
import { modelWeights, shortList, writeWeights } from './modelWeights';

/** Options of `importWeights`. */
export interface ImportOptions {
  /**
   * 'keras': names end in kernel, bias, gamma, beta, moving_mean, moving_variance; convolutions are [h, w, in, out].
   * 'torch': names end in weight, bias, running_mean, running_var; convolutions are [out, in, h, w], dense [out, in], and are
   * transposed. Default 'keras'.
   */
  layout?: 'keras' | 'torch';
  /**
   * The order of the source's layers: 'natural' sorts their names with numbers as numbers (conv2d, conv2d_1 … conv2d_10), 'file'
   * keeps the file's. Default 'natural' for 'keras' and for .safetensors, whose writer sorts by name; else 'file' for 'torch'.
   */
  order?: 'natural' | 'file';
  /** Pins layers of the model to layers of the source, where order and shape don't settle it. */
  mapping?: Readonly<Record<string, string>>;
}

/** Where a weight of the model came from. */
export interface ImportedWeight {
  name: string;
  source: string;
  shape: readonly number[];
}

interface Layer {
  name: string;
  /** kernel, bias, gamma … → array (the source's) or shape (the model's) and the full name. */
  weights: Map<string, { name: string; shape: readonly number[]; array?: NamedArray }>;
}

/** Optimizer state and counters, which a training checkpoint holds besides the weights. */
const NOT_WEIGHTS =
  /(^|[/.])(optimizer|_?save_counter|iterations?|learning_rate|_CHECKPOINTABLE_OBJECT_GRAPH)\b|num_batches_tracked$/;
const TORCH_KINDS: Readonly<Record<string, string>> = {
  running_mean: 'moving_mean',
  running_var: 'moving_variance',
};

/**
 * Brings in the weights of the same architecture from another framework, as name → array. Layers are matched by order and
 * shape: each layer of the model, in the order in which it was made, takes the first layer of the source that is not taken and
 * has weights of the same kinds and shapes.
 *
 * Build the model with the other framework's batch norm (`batchNorm: { epsilon: 1e-3, momentum: 0.99 }` for Keras's defaults):
 * epsilon is no weight and does not travel.
 * @param source path of a .npz or .safetensors file, or the arrays.
 * @returns for each weight of the model the source's name, to be looked over.
 * @throws UserError listing the layers left over on either side; the model is then left as it was.
 */
export function importWeights(
  model: tf.LayersModel,
  source: string | NamedArrays,
  options: ImportOptions = {},
): ImportedWeight[] {
  const path = typeof source === 'string' ? `'${source}'` : 'the source';
  const arrays = typeof source === 'string' ? readWeightArrays(source).arrays : source;
  const { layout = 'keras', mapping = {} } = options;
  const sorted = typeof source === 'string' && source.endsWith('.safetensors');
  const order = options.order ?? (layout === 'torch' && !sorted ? 'file' : 'natural');
  const theirs = sourceLayers(arrays, layout);
  if (order === 'natural') theirs.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  const matched = matchLayers(modelLayers(model), theirs, mapping, `${path} does not fit the model '${model.name}'`);

  const renamed: NamedArrays = new Map();
  const report: ImportedWeight[] = [];
  for (const [ours, layer] of matched) {
    for (const [kind, { name, shape }] of ours.weights) {
      const found = layer.weights.get(kind)!;
      renamed.set(name, found.array!);
      report.push({ name, source: found.name, shape });
    }
  }
  writeWeights(model, renamed, path);
  return report;
}

function modelLayers(model: tf.LayersModel): Layer[] {
  const layers = new Map<string, Layer>();
  for (const { name, shape } of modelWeights(model)) {
    const [layer, kind] = splitName(name);
    getLayer(layers, layer).weights.set(kind, { name, shape });
  }
  return [...layers.values()];
}

function sourceLayers(arrays: NamedArrays, layout: 'keras' | 'torch'): Layer[] {
  const layers = new Map<string, Layer>();
  for (const [name, array] of arrays) {
    if (NOT_WEIGHTS.test(name)) continue;
    const [layer, kind] = splitName(name.replace(/\/\.ATTRIBUTES\/VARIABLE_VALUE$/, '').replace(/:\d+$/, ''));
    getLayer(layers, layer).weights.set(kind, { name, shape: array.shape, array });
  }
  const found = [...layers.values()];
  return layout === 'torch' ? found.map(fromTorch) : found;
}

/** 'a/b/kernel' or 'a.b.kernel' → ['a/b', 'kernel'] */
function splitName(name: string): [layer: string, kind: string] {
  const at = Math.max(name.lastIndexOf('/'), name.lastIndexOf('.'));
  return at < 0 ? ['', name] : [name.slice(0, at), name.slice(at + 1)];
}

function getLayer(layers: Map<string, Layer>, name: string): Layer {
  let layer = layers.get(name);
  if (!layer) layers.set(name, (layer = { name, weights: new Map() }));
  return layer;
}

function fromTorch({ name, weights }: Layer): Layer {
  const norm = weights.get('weight')?.shape.length === 1;
  const renamed: Layer = { name, weights: new Map() };
  for (const [kind, weight] of weights) {
    const array = toKerasLayout(weight.array!);
    const newKind = kind === 'weight' ? (norm ? 'gamma' : 'kernel') : kind === 'bias' && norm ? 'beta' : kind;
    renamed.weights.set(TORCH_KINDS[newKind] ?? newKind, { name: weight.name, shape: array.shape, array });
  }
  return renamed;
}

/** [out, in, h, w] → [h, w, in, out]; [out, in] → [in, out]; vectors stay. */
function toKerasLayout({ shape, data }: NamedArray): NamedArray {
  if (shape.length !== 4 && shape.length !== 2) return { shape, data };
  const [outs, ins, ...area] = shape;
  const places = elementCount(area);
  const out = new Float32Array(data.length);
  for (let o = 0; o < outs; o++) {
    for (let i = 0; i < ins; i++) {
      for (let p = 0; p < places; p++) out[(p * ins + i) * outs + o] = data[(o * ins + i) * places + p];
    }
  }
  return { shape: [...area, ins, outs], data: out };
}

function matchLayers(
  ours: readonly Layer[],
  theirs: readonly Layer[],
  mapping: Readonly<Record<string, string>>,
  problem: string,
): [Layer, Layer][] {
  const free = new Set(theirs);
  const pinned = new Map<Layer, Layer>();
  for (const [name, sourceName] of Object.entries(mapping)) {
    const layer = ours.find(candidate => candidate.name === name);
    const source = theirs.find(candidate => candidate.name === sourceName);
    if (!layer) throw new UserError(`The model has no layer '${name}' with weights; correct the mapping.`);
    if (!source) throw new UserError(`The source has no layer '${sourceName}'; correct the mapping.`);
    pinned.set(layer, source);
    free.delete(source);
  }
  const matched: [Layer, Layer][] = [];
  const missing: string[] = [];
  for (const layer of ours) {
    const candidates = pinned.has(layer) ? [pinned.get(layer)!] : [...free];
    const found = candidates.find(candidate => signature(candidate) === signature(layer));
    if (!found) {
      missing.push(describe(layer));
      continue;
    }
    free.delete(found);
    matched.push([layer, found]);
  }
  const surplus = [...free].map(describe);
  if (missing.length || surplus.length) {
    const parts = [
      ...(missing.length ? [`nothing of the right shape for ${shortList(missing)}`] : []),
      ...(surplus.length ? [`surplus: ${shortList(surplus)}`] : []),
    ];
    throw new UserError(`${problem} (${parts.join('; ')}); check the architecture's options and the layout.`);
  }
  return matched;
}

/** Kinds and shapes of a layer's weights, in a fixed order. */
function signature({ weights }: Layer): string {
  return [...weights]
    .map(([kind, { shape }]) => `${kind} [${shape}]`)
    .sort()
    .join(' ');
}

function describe(layer: Layer): string {
  return `${layer.name || '(no name)'} {${signature(layer)}}`;
}
