/** What a diagram shows, before it has places: a model's layers gathered into blocks, equal blocks folded into one. */
import { formatShape, type LayerSummary, type ModelSummary } from '../models/summary';

/** One box of a diagram: a layer, or batch norm and ReLU together. */
export interface Row {
  kind: 'conv' | 'add' | 'pool' | 'other';
  text: string;
  /** Of the output, without the batch: '32×32×16'. */
  shape: string;
  /** Names of the layers in it. */
  layers: string[];
}

/** The way around: its own boxes (none for the identity), from a row's output (−1: the block's input) to the addition. */
export interface Shortcut {
  from: number;
  rows: Row[];
}

/** Layers that belong together by name: a residual block, a stage of VGG, the stem. */
export interface Unit {
  /** 'stage1/block1'. */
  key: string;
  /** Number in the name, 0 without one. */
  stage: number;
  /** Blocks in the unit's name: [1, 1], after folding [2, 9]. */
  blocks: [number, number] | undefined;
  /** How many equal units follow one another. */
  repeat: number;
  inputShape: string;
  rows: Row[];
  shortcut?: Shortcut;
}

const isShortcut = (layer: LayerSummary): boolean => /\/shortcut(\/|$)/.test(layer.name);

/** 'stage1/block1/conv1' → 'stage1/block1', 'stem/bn' → 'stem', 'logits' → 'logits'. */
const keyOf = (name: string): string => /^(.*?block\d+|[^/]+)/.exec(name)![1];

/** The units of a model in the order of the data; equal neighbours are folded unless `unfold`. */
export function unitsOf(summary: ModelSummary, unfold: boolean): Unit[] {
  const groups = new Map<string, LayerSummary[]>();
  for (const layer of summary.layers) {
    if (layer.className === 'InputLayer') continue;
    const key = keyOf(layer.name);
    groups.set(key, [...(groups.get(key) ?? []), layer]);
  }
  const shapeOf = new Map(summary.layers.map(layer => [layer.name, formatShape(layer.outputShape)]));
  const units = [...groups].map(([key, layers]) => unit(key, layers, shapeOf));
  return unfold ? units : fold(units);
}

function unit(key: string, layers: LayerSummary[], shapeOf: ReadonlyMap<string, string>): Unit {
  const names = new Set(layers.map(layer => layer.name));
  const main = layers.filter(layer => !isShortcut(layer));
  const around = layers.filter(isShortcut);
  const entry = main[0].inputs.find(name => !names.has(name)) ?? main[0].inputs[0];
  const rows = toRows(main);
  const result: Unit = {
    key,
    stage: Number(/stage(\d+)/.exec(key)?.[1] ?? 0),
    blocks: blockNumber(key),
    repeat: 1,
    inputShape: shapeOf.get(entry) ?? '',
    rows,
  };
  const add = main.find(layer => layer.className === 'Add');
  if (add) {
    const before = rows[rows.findIndex(row => row.kind === 'add') - 1]?.layers ?? [];
    const source = around[0]?.inputs[0] ?? add.inputs.find(name => !before.includes(name)) ?? entry;
    result.shortcut = { from: rows.findIndex(row => row.layers.includes(source)), rows: toRows(around) };
  }
  return result;
}

function blockNumber(key: string): [number, number] | undefined {
  const block = /block(\d+)/.exec(key)?.[1];
  return block ? [Number(block), Number(block)] : undefined;
}

function toRows(layers: readonly LayerSummary[]): Row[] {
  const rows: Row[] = [];
  for (const layer of layers) {
    const before = rows[rows.length - 1];
    if (layer.className === 'ReLU' && before?.text === 'BN') {
      before.text = 'BN · ReLU';
      before.layers.push(layer.name);
      continue;
    }
    rows.push({
      kind: kindOf(layer.className),
      text: wordsOf(layer),
      shape: formatShape(layer.outputShape),
      layers: [layer.name],
    });
  }
  return rows;
}

function kindOf(className: string): Row['kind'] {
  if (className === 'Add') return 'add';
  if (/^(Conv2D|GroupedConv2D|Dense)$/.test(className)) return 'conv';
  return /Pooling/.test(className) ? 'pool' : 'other';
}

function wordsOf({ className, description }: LayerSummary): string {
  if (className === 'BatchNormalization') return 'BN';
  return description.replace(', stride ', ' / ');
}

/** Unites neighbours of one stage that are drawn alike. */
function fold(units: readonly Unit[]): Unit[] {
  const folded: Unit[] = [];
  const looks = ({ stage, inputShape, rows, shortcut }: Unit) =>
    JSON.stringify(
      [stage, inputShape, [rows, shortcut?.rows ?? [], shortcut?.from]],
      (key, value: unknown) => (key === 'layers' ? undefined : value),
    );
  for (const next of units) {
    const last = folded[folded.length - 1];
    if (last?.blocks && next.blocks && looks(last) === looks(next)) {
      last.repeat++;
      last.blocks = [last.blocks[0], next.blocks[1]];
    } else {
      folded.push({ ...next });
    }
  }
  return folded;
}
