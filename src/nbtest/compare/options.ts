import { NbtestError, messageOf } from '../errors';
import { settings } from '../execute/options';
import { isObject } from '../json';
import { type CodeCell, type Notebook, tagsOf } from '../notebook/types';
import {
  amount,
  checkPattern,
  flag,
  listOf,
  misfit,
  objectOf,
  oneOf,
  type Place,
  type Rule,
  text,
} from '../rules';
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

/** The options that are given; the others have their defaults. A sanitizer may be its pattern alone. */
export type GivenCompareOptions = Partial<Omit<CompareOptions, 'sanitize' | 'tolerance'>> & {
  sanitize?: string | Sanitizer | readonly (string | Sanitizer)[];
  tolerance?: Partial<Tolerance>;
};

/** What each option may be. */
export const compareRules: Readonly<Record<keyof CompareOptions, Rule>> = {
  compare: oneOf('tagged', 'all', 'none'),
  sanitize: (value, place) => (Array.isArray(value) ? listOf(sanitizer) : sanitizer)(value, place),
  tolerance: objectOf({ relative: amount, absolute: amount }),
  ignoreMimeTypes: listOf(text),
  ignoreStderr: flag,
};

/**
 * The options for one cell: the given ones over the defaults, then `metadata.nbtest` (see `checkMetadata`) of the notebook
 * and of the cell. Patterns add up, the parts of a tolerance count each for itself.
 */
export function compareOptionsFor(
  notebook: Notebook,
  cell: CodeCell,
  options: GivenCompareOptions = {},
): CompareOptions {
  return [options, settings(notebook.metadata), settings(cell.metadata)].reduce<CompareOptions>(
    (weaker, own) => withOwn(weaker, own as GivenCompareOptions),
    defaultCompareOptions,
  );
}

function withOwn(weaker: CompareOptions, own: GivenCompareOptions): CompareOptions {
  const { relative = weaker.tolerance.relative, absolute = weaker.tolerance.absolute } = own.tolerance ?? {};
  return {
    compare: own.compare ?? weaker.compare,
    sanitize: [...weaker.sanitize, ...sanitizers(own.sanitize)],
    tolerance: { relative: Number(relative), absolute: Number(absolute) }, // Metadata may hold an ExactNumber.
    ignoreMimeTypes: own.ignoreMimeTypes ?? weaker.ignoreMimeTypes,
    ignoreStderr: own.ignoreStderr ?? weaker.ignoreStderr,
  };
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

const sanitizerParts = objectOf({ pattern: text, flags: text, replace: text });

function sanitizer(value: unknown, place: Place): void {
  if (typeof value === 'string') return checkPattern(value, undefined, place);
  if (!isObject(value) || value.pattern === undefined) {
    throw misfit(place, 'a pattern or an object with pattern, flags, replace', value);
  }
  sanitizerParts(value, place);
  const { pattern, flags } = value as unknown as Sanitizer;
  checkPattern(pattern, flags, place);
}

function sanitizers(given: GivenCompareOptions['sanitize'] = []): Sanitizer[] {
  const list = typeof given === 'string' || 'pattern' in given ? [given] : given;
  return list.map(item => (typeof item === 'string' ? { pattern: item } : item));
}
