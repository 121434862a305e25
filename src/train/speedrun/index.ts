export { AIRBENCH94, type Recipe } from './recipe';
export { speedrun, type SpeedrunOptions, type SpeedrunResult } from './speedrun';
