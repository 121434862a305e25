export { augmentBatch, normalize, shiftAndFlip, PADDING } from './augment';
export { imageBytes, indicesByClass, loadCifar10, subset } from './cifar10';
export { type Cifar10, type LoadOptions, type Split } from './cifar10';
export { CHANNELS, CLASS_NAMES, IMAGE_BYTES, IMAGE_SIZE, MEAN, STD } from './format';
