export { type NamedArray, type NamedArrays } from './arrays';
export { CHECKPOINT_FORMAT, loadWeights, PRETRAINED_FOLDER, pretrainedPath, readArrays, saveWeights } from './files';
export { exportTfjs } from './exportTfjs';
export { portableModel } from './portable';
export { importWeights, type ImportOptions, type ImportedWeight } from './importWeights';
export { compareWeights, type ModelWeight, modelWeights, readWeights, writeWeights } from './modelWeights';
export { decodeNpy, decodeNpz } from './npz';
export { decodeSafetensors, encodeSafetensors, type EncodeOptions } from './safetensors';
