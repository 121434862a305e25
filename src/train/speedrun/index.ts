export { AlternatingFlip } from './flip';
export { cropAndFlip, MEAN, normalizeBytes, reflected, STD } from './images';
export { AIRBENCH94, lookaheadDecay, rateAt, type Recipe, speedrunSteps } from './recipe';
export { readSpeedruns, type SpeedrunRecord, writeSpeedrun } from './record';
export { speedrun, type SpeedrunOptions, type SpeedrunResult } from './speedrun';
export { patchCovariance, whiteningKernel } from './whitening';
