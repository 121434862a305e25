import type * as tf from '@tensorflow/tfjs';

/** One layer of a model, as `summarize` tells it. */
export interface LayerSummary {
  readonly name: string;
  /** tfjs's class: 'Conv2D', 'BatchNormalization' … */
  readonly className: string;
  /** In words: 'conv 3×3, 16, stride 2'. */
  readonly description: string;
  /** Names of the layers that it reads. */
  readonly inputs: readonly string[];
  /** [null, height, width, channels] or [null, units]; null is the batch. */
  readonly outputShape: readonly (number | null)[];
  /** Trainable scalars. */
  readonly parameters: number;
  /** Scalars that are kept but not trained: moving averages. */
  readonly state: number;
  /** Multiply-adds for one image; only convolutions and dense layers are counted, as in the papers. */
  readonly multiplyAdds: number;
  /** Side, in pixels of the image, of what one place of the output can see; padding counts as image. */
  readonly receptiveField: number;
  /** Pixels of the image between neighbouring places of the output. */
  readonly stride: number;
}

/** What a model is made of. */
export interface ModelSummary {
  readonly name: string;
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly state: number;
  readonly multiplyAdds: number;
  /** That of the last feature map before the global pooling. */
  readonly receptiveField: number;
}

interface Config {
  filters?: number;
  kernelSize?: number | number[];
  poolSize?: number | number[];
  strides?: number | number[];
  stride?: number;
  groups?: number;
  units?: number;
  rate?: number;
}

/** Tells of each layer its shape, parameters, multiply-adds and receptive field. Runs nothing. */
export function summarize(model: tf.LayersModel): ModelSummary {
  const seen = new Map<string, LayerSummary>();
  for (const layer of model.layers) seen.set(layer.name, summarizeLayer(layer, seen));
  const layers = [...seen.values()];
  const total = (of: (layer: LayerSummary) => number) => layers.reduce((sum, layer) => sum + of(layer), 0);
  const maps = layers.filter(layer => layer.outputShape.length === 4);
  return {
    name: model.name,
    layers,
    parameters: total(layer => layer.parameters),
    state: total(layer => layer.state),
    multiplyAdds: total(layer => layer.multiplyAdds),
    receptiveField: Math.max(1, ...maps.map(layer => layer.receptiveField)),
  };
}

function summarizeLayer(layer: tf.layers.Layer, seen: ReadonlyMap<string, LayerSummary>): LayerSummary {
  const config = layer.getConfig() as Config;
  const node = layer.inboundNodes[0];
  const inputs = node.inboundLayers.map(input => input.name);
  const outputShape = node.outputTensors[0].shape;
  const kernel = layer.weights.find(weight => weight.originalName.endsWith('/kernel'));
  const places = outputShape.length === 4 ? outputShape[1]! * outputShape[2]! : 1;
  const sources = inputs.map(name => seen.get(name)!);
  const widest = Math.max(1, ...sources.map(source => source.receptiveField));
  const jump = Math.max(1, ...sources.map(source => source.stride));
  const window = first(config.kernelSize) ?? first(config.poolSize) ?? 1;
  return {
    name: layer.name,
    className: layer.getClassName(),
    description: describe(layer.getClassName(), config),
    inputs,
    outputShape,
    parameters: count(layer.trainableWeights),
    state: count(layer.nonTrainableWeights),
    multiplyAdds: kernel ? size(kernel.shape) * places : 0,
    receptiveField: widest + (window - 1) * jump,
    stride: jump * (first(config.strides) ?? config.stride ?? 1),
  };
}

/** A layer in the words of a figure. */
function describe(className: string, config: Config): string {
  const window = first(config.kernelSize) ?? first(config.poolSize) ?? 1;
  const stride = first(config.strides) ?? config.stride ?? 1;
  const strided = stride > 1 ? `, stride ${stride}` : '';
  switch (className) {
    case 'InputLayer':
      return 'image';
    case 'Conv2D':
      return `conv ${window}×${window}, ${config.filters}${strided}`;
    case 'GroupedConv2D':
      return `conv ${window}×${window}, ${config.filters}, ${config.groups} groups${strided}`;
    case 'ZeroPaddedShortcut':
      return `subsample${stride > 1 ? ` ${stride}×` : ''}, pad to ${config.filters}`;
    case 'BatchNormalization':
      return 'batch norm';
    case 'MaxPooling2D':
      return `max pool ${window}×${window}`;
    case 'GlobalAveragePooling2D':
      return 'global average pool';
    case 'Dense':
      return `dense, ${config.units}`;
    case 'SeededDropout':
      return `dropout ${config.rate}`;
    case 'ZeroPadding2D':
      return 'zero padding';
    case 'Add':
      return 'add';
    case 'AveragePooling2D':
      return `average pool ${window}×${window}${strided}`;
    default:
      return className;
  }
}

function first(value: number | number[] | undefined): number | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function size(shape: readonly (number | null)[]): number {
  return shape.reduce<number>((product, n) => product * (n ?? 1), 1);
}

function count(weights: readonly tf.LayerVariable[]): number {
  return weights.reduce((sum, weight) => sum + size(weight.shape), 0);
}

/** 269722 → '269,722' */
function grouped(n: number): string {
  return n.toLocaleString('en-US');
}

/** 40812544 → '40.8 M' */
export function formatCount(n: number): string {
  if (n >= 1e9) return `${(n / 1e9).toFixed(2)} G`;
  if (n >= 1e6) return `${(n / 1e6).toFixed(n >= 1e8 ? 0 : n >= 1e7 ? 1 : 2)} M`;
  if (n >= 1e3) return `${(n / 1e3).toFixed(1)} k`;
  return String(n);
}

/** A shape without the batch: '32×32×16'. */
export function formatShape(shape: readonly (number | null)[]): string {
  return shape.slice(1).join('×');
}

/** The summary as a text table, a line a layer, totals at the end. */
export function formatSummary(summary: ModelSummary): string {
  const rows = summary.layers.map(layer => [
    layer.name,
    layer.description,
    formatShape(layer.outputShape),
    layer.parameters ? grouped(layer.parameters) : '',
    layer.multiplyAdds ? grouped(layer.multiplyAdds) : '',
    layer.outputShape.length === 4 ? String(layer.receptiveField) : '',
  ]);
  const head = ['layer', 'what', 'output', 'parameters', 'multiply-adds', 'sees'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map(row => row[column].length)));
  const line = (row: string[]) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd();
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2));
  const { name, parameters, state, multiplyAdds, receptiveField } = summary;
  return [
    line(head),
    rule,
    ...rows.map(line),
    rule,
    `${name}: ${grouped(parameters)} parameters (and ${grouped(state)} moving averages), ` +
      `${formatCount(multiplyAdds)} multiply-adds an image, receptive field ${receptiveField}×${receptiveField}`,
  ].join('\n');
}
