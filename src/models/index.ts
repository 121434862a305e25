export { type BatchNormOptions, type ModelOptions } from './options';
export { type Paper, PAPERS } from './papers';
export { fromSeed, type SeedModel } from './fromSeed';
export { type CreateOptions, createModel, type Family, findModel, type ModelEntry, MODELS } from './registry';
export { type BlockType, resnet, type ResNetOptions } from './resnet';
export { wideResnet, type WideResNetOptions } from './wideResnet';
export { vgg, type VggOptions } from './vgg';
export { resnext, type ResNeXtOptions } from './resnext';
export {
  formatCount,
  formatShape,
  formatSummary,
  type LayerSummary,
  type ModelSummary,
  summarize,
} from './summary';
export { type ShortcutType } from './blocks';
export { Dropout, withDropoutSeed } from './dropout';
export { GroupedConv2D, groupedConv2d } from './groupedConv';
export { subsample, ZeroPaddedShortcut } from './shortcut';
