import { NbtestError, messageOf } from '../errors';
import { settings } from '../execute/options';
import { isObject, type Json } from '../json';
import { type CodeCell, type Notebook, tagsOf } from '../notebook/types';
import { type Tolerance } from './tolerance';

/** A pattern replaced in stored and fresh text alike before they are compared. */
export interface Sanitizer {
  /** A JavaScript regular expression. */
  pattern: string;
  /** Default 'g'. */
  flags?: string;
  /** What stands in the pattern's place; default '…'. */
  replace?: string;
}

/** How stored and fresh outputs are compared. */
export interface CompareOptions {
  /** 'tagged': cells tagged `nbtest-compare`; 'all': all but those tagged `nbtest-ignore-output`; 'none'. */
  compare: 'tagged' | 'all' | 'none';
  sanitize: readonly Sanitizer[];
  tolerance: Tolerance;
  /** MIME types left out, `image/*` for a family. */
  ignoreMimeTypes: readonly string[];
  /** Leave out what went to stderr (warnings, progress bars). */
  ignoreStderr: boolean;
}

export const defaultCompareOptions: CompareOptions = {
  compare: 'tagged',
  // An object's address in memory, as Python prints it.
  sanitize: [{ pattern: '\\b0x[0-9a-f]{6,16}\\b', replace: '0x…' }],
  tolerance: { relative: 0, absolute: 0 },
  ignoreMimeTypes: [],
  ignoreStderr: true,
};

/** Whether a cell's outputs are to be compared with the stored ones. */
export function isCompared(cell: CodeCell, options: Pick<CompareOptions, 'compare'>): boolean {
  const tags = tagsOf(cell);
  if (options.compare === 'none' || tags.includes('nbtest-ignore-output')) return false;
  return options.compare === 'all' || tags.includes('nbtest-compare');
}

/**
 * The options for one cell: `metadata.nbtest` of the notebook, then of the cell, over the given ones. Patterns add up.
 * Throws NbtestError 'usage' for a value that cannot be used.
 */
export function compareOptionsFor(
  notebook: Notebook,
  cell: CodeCell,
  options: Partial<CompareOptions> = {},
): CompareOptions {
  let merged: CompareOptions = { ...defaultCompareOptions, ...options };
  if (options.sanitize) merged.sanitize = [...defaultCompareOptions.sanitize, ...options.sanitize];
  for (const [own, where] of [
    [settings(notebook.metadata), "the notebook's metadata.nbtest"],
    [settings(cell.metadata), "the cell's metadata.nbtest"],
  ] as const) {
    merged = {
      compare: oneOf(own.compare, where) ?? merged.compare,
      sanitize: [...merged.sanitize, ...sanitizers(own.sanitize, where)],
      tolerance: { ...merged.tolerance, ...tolerance(own.tolerance, where) },
      ignoreMimeTypes: strings(own.ignoreMimeTypes) ?? merged.ignoreMimeTypes,
      ignoreStderr: typeof own.ignoreStderr === 'boolean' ? own.ignoreStderr : merged.ignoreStderr,
    };
  }
  return merged;
}

/** Applies the patterns in their order. Throws NbtestError 'usage' for a pattern that is none. */
export function sanitized(text: string, sanitizers: readonly Sanitizer[]): string {
  return sanitizers.reduce((result, { pattern, flags = 'g', replace = '…' }) => {
    try {
      return result.replace(new RegExp(pattern, flags), replace);
    } catch (error) {
      throw new NbtestError(
        'usage',
        `The sanitizing pattern ${JSON.stringify(pattern)}: ${messageOf(error)}`,
      );
    }
  }, text);
}

function oneOf(value: Json | undefined, where: string): CompareOptions['compare'] | undefined {
  if (value === undefined) return undefined;
  if (value === 'tagged' || value === 'all' || value === 'none') return value;
  throw bad(where, 'compare', 'is "tagged", "all" or "none"');
}

function sanitizers(value: Json | undefined, where: string): Sanitizer[] {
  if (value === undefined) return [];
  const items = Array.isArray(value) ? value : [value];
  return items.map(item => {
    if (typeof item === 'string') return { pattern: item };
    if (!isObject(item) || typeof item.pattern !== 'string') {
      throw bad(where, 'sanitize', 'is a list of patterns, or of {"pattern", "flags", "replace"}');
    }
    const text = (name: string): string | undefined => {
      const part = item[name];
      return typeof part === 'string' ? part : undefined;
    };
    return { pattern: item.pattern, flags: text('flags'), replace: text('replace') };
  });
}

function tolerance(value: Json | undefined, where: string): Partial<Tolerance> {
  if (value === undefined) return {};
  if (!isObject(value)) throw bad(where, 'tolerance', 'is {"relative": 0.01, "absolute": 0}');
  const result: Partial<Tolerance> = {};
  for (const name of ['relative', 'absolute'] as const) {
    if (value[name] === undefined) continue;
    const number = Number(value[name]);
    if (!(number >= 0)) throw bad(where, `tolerance.${name}`, 'is a number, 0 or more');
    result[name] = number;
  }
  return result;
}

function strings(value: Json | undefined): string[] | undefined {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : undefined;
}

function bad(where: string, name: string, what: string): NbtestError {
  return new NbtestError('usage', `${where}: "${name}" ${what}`);
}
