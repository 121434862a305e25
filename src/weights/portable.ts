import * as tf from '@tensorflow/tfjs';
import { UserError } from '../errors';
import { Dropout } from '../models/dropout';
import { GroupedConv2D } from '../models/groupedConv';
import { ZeroPaddedShortcut } from '../models/shortcut';

type Rewrite = (layer: tf.layers.Layer, inputs: tf.SymbolicTensor[]) => tf.SymbolicTensor;

/**
 * The same model out of layers that plain tfjs knows, so that `tf.loadLayersModel` opens it in a browser without this project:
 * - GroupedConv2D → for each group a crop of its channels and a convolution, then a concatenation;
 * - ZeroPaddedShortcut → 1×1 average pooling with the stride, then zero padding of the channels;
 * - our Dropout → tfjs's.
 * Crop and padding of channels are tfjs's two-dimensional ones told that the data is "channelsFirst": their second spatial axis
 * is then our channel axis. The weights are copies.
 * @throws UserError when a layer of the model is used twice.
 */
export function portableModel(model: tf.LayersModel): tf.LayersModel {
  const made = new Map<number, tf.SymbolicTensor>();
  for (const layer of model.layers) {
    const [node, ...others] = layer.inboundNodes;
    if (others.length) throw new UserError(`'${layer.name}' is used more than once; export a model that uses each layer once.`);
    const inputs = node.inputTensors.map(tensor => made.get(tensor.id)!);
    made.set(node.outputTensors[0].id, rewriteOf(layer)(layer, inputs));
  }
  const find = (tensors: tf.SymbolicTensor[]) => tensors.map(tensor => made.get(tensor.id)!);
  return tf.model({ inputs: find(model.inputs), outputs: find(model.outputs), name: model.name });
}

function rewriteOf(layer: tf.layers.Layer): Rewrite {
  if (layer instanceof GroupedConv2D) return splitGroups;
  if (layer instanceof ZeroPaddedShortcut) return poolAndPad;
  if (layer instanceof Dropout) return plainDropout;
  if (layer.getClassName() === 'InputLayer') return sameInput;
  return sameLayer;
}

const sameInput: Rewrite = layer => {
  const [, ...shape] = layer.batchInputShape as number[];
  return tf.input({ name: layer.name, shape });
};

const sameLayer: Rewrite = (layer, inputs) => {
  const constructor = layer.constructor as tf.serialization.SerializableConstructor<tf.layers.Layer>;
  const copy = constructor.fromConfig(constructor, layer.getConfig());
  copy.setFastWeightInitDuringBuild(true);
  const output = copy.apply(inputs.length === 1 ? inputs[0] : inputs) as tf.SymbolicTensor;
  copy.setWeights(layer.getWeights());
  return output;
};

const plainDropout: Rewrite = (layer, [x]) =>
  tf.layers.dropout({ name: layer.name, rate: (layer as Dropout).rate }).apply(x) as tf.SymbolicTensor;

const poolAndPad: Rewrite = (layer, [x]) => {
  const { name, filters, stride } = layer as ZeroPaddedShortcut;
  const extra = filters - x.shape[3]!;
  const pool = tf.layers.averagePooling2d({ name: extra ? `${name}/subsample` : name, poolSize: 1, strides: stride });
  const pooled = pool.apply(x) as tf.SymbolicTensor;
  if (!extra) return pooled;
  const padding: [[number, number], [number, number]] = [
    [0, 0],
    [0, extra],
  ];
  return tf.layers.zeroPadding2d({ name, padding, dataFormat: 'channelsFirst' }).apply(pooled) as tf.SymbolicTensor;
};

const splitGroups: Rewrite = (layer, [x]) => {
  const { name, groups, filters, kernelSize, strides, padding } = layer as GroupedConv2D;
  const depth = x.shape[3]!;
  const width = depth / groups;
  const kernels = tf.split(layer.getWeights()[0], groups, 3);
  const outputs = kernels.map((kernel, group) => {
    const groupName = `${name}/group${group + 1}`;
    const cropping: [[number, number], [number, number]] = [
      [0, 0],
      [group * width, depth - (group + 1) * width],
    ];
    const crop = tf.layers.cropping2D({ name: `${groupName}/channels`, cropping, dataFormat: 'channelsFirst' });
    const conv = tf.layers.conv2d({
      name: groupName,
      filters: filters / groups,
      kernelSize,
      strides,
      padding,
      useBias: false,
    });
    conv.setFastWeightInitDuringBuild(true);
    const output = conv.apply(crop.apply(x)) as tf.SymbolicTensor;
    conv.setWeights([kernel]);
    return output;
  });
  tf.dispose(kernels);
  return tf.layers.concatenate({ name, axis: -1 }).apply(outputs) as tf.SymbolicTensor;
};
