import {
  isObject,
  type Json,
  type JsonLayout,
  type JsonObject,
  nbformatLayout,
  parseJson,
  stringifyJson,
} from '../json';

/**
 * The text of `fresh` in the layout of the text that it replaces: indentation, order of keys, escapes, line ends,
 * strings split into lines or not. What did not change stays the same to the byte, whichever program wrote the file.
 */
export function textLike(before: string, fresh: JsonObject): string {
  let old: Json;
  try {
    old = parseJson(before.replace(/^\uFEFF/, ''));
  } catch {
    return `${stringifyJson(fresh)}\n`; // Not JSON: nothing to keep.
  }
  const merged = keepOrder(fresh, old);
  if (stringifyJson(merged) === stringifyJson(old)) return before;
  const text = stringifyJson(merged, layoutOf(before));
  const end = /\n$/.test(before) ? '\n' : '';
  return /\r\n/.test(before) ? (text + end).replace(/\n/g, '\r\n') : text + end;
}

function layoutOf(text: string): JsonLayout {
  const [, indent] = /^\uFEFF?\{\r?\n([ \t]*)/.exec(text) ?? [];
  return {
    ...nbformatLayout,
    indent: indent ?? null,
    sortKeys: false, // `keepOrder` has put the keys in their places.
    // eslint-disable-next-line no-control-regex
    ascii: /\\u(?:00[89a-f]|0[1-9a-f]|[1-9a-f])/i.test(text) && !/[^\x00-\x7f]/.test(text),
  };
}

function keepOrder(fresh: Json, old: Json | undefined): Json {
  if (Array.isArray(fresh)) {
    if (sameText(fresh, old)) return old!;
    const before = Array.isArray(old) ? old : [];
    return fresh.map((item, i) => keepOrder(item, counterpart(item, before, i)));
  }
  if (!isObject(fresh)) return fresh;
  const before = isObject(old) ? old : {};
  const keys = Object.keys(fresh).filter(key => fresh[key] !== undefined);
  const known = Object.keys(before);
  const sorted = known.every((key, i) => i === 0 || known[i - 1] < key);
  const order = sorted
    ? keys.sort()
    : [...known.filter(key => keys.includes(key)), ...keys.filter(key => !known.includes(key)).sort()];
  return Object.fromEntries(order.map(key => [key, keepOrder(fresh[key], before[key])]));
}

/** Cells are found by their id, other things by their position. */
function counterpart(item: Json, before: readonly Json[], index: number): Json | undefined {
  if (!isObject(item) || typeof item.id !== 'string') return before[index];
  return before.find(other => isObject(other) && other.id === item.id) ?? before[index];
}

// Text may stand as one string or as a list of lines, split anywhere.
function sameText(fresh: Json[], old: Json | undefined): boolean {
  if (!isStrings(fresh)) return false;
  const text = fresh.join('');
  if (splitLines(text).length !== fresh.length) return false; // A list of words, such as tags.
  return old === text || (Array.isArray(old) && isStrings(old) && old.join('') === text);
}

function isStrings(list: Json[]): list is string[] {
  return list.every(item => typeof item === 'string');
}

// Where Python's str.splitlines splits.
// eslint-disable-next-line no-control-regex
const line = /[^\r\n\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]|$)/g;

/** Lines with their ends kept. */
export function splitLines(text: string): string[] {
  return text.match(line)!.slice(0, -1);
}
