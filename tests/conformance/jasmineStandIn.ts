/** See answerDeepImport in jasmine.ts: what tfjs-core's suite calls of jasmine-core's inner file. */
export function core(): { DEFAULT_TIMEOUT_INTERVAL?: number } {
  return {};
}
