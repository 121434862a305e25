import { type Plugin } from './types';
export function preparePlatform(_plugin: Plugin): void {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
}
