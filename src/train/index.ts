export { evaluate, score, type Evaluation } from './evaluate';
export { type Progress, type TrainOptions, type TrainResult, type Validation } from './options';
export { DEFAULT_SCHEDULE, learningRateAt, type Schedule, totalSteps } from './schedule';
export { train } from './train';
export { type Experiment, parseExperiments, readExperiments } from './experiment';
export { readRecord, type RunRecord, wholeRate, writeRecord } from './record';
export { runExperiment, type RunOutcome } from './runExperiment';
