/** Checks of options that come as plain data: from jest's configuration, from a notebook's metadata. */
import { messageOf, NbtestError } from './errors';
import { ExactNumber, isObject } from './json';

/** An option: the object that it stands in, in words, and its name there ('' for the object itself). */
export interface Place {
  where: string;
  name: string;
}

/** Throws NbtestError 'usage', naming the place and the mend, unless the value can be used there. */
export type Rule = (value: unknown, place: Place) => void;

/** Rules by the names of options. */
export type Rules = Readonly<Record<string, Rule>>;

export const flag = rule('true or false', value => typeof value === 'boolean');
export const text = rule('text', value => typeof value === 'string');
export const textOrNumber = rule('text or a number', value => ['string', 'number'].includes(typeof value));
export const amount = rule('a number, 0 or more', value => isNumber(value) && Number(value) >= 0);
export const values = rule('an object with names and values', isObject);

/** One of some words. */
export function oneOf(...words: readonly string[]): Rule {
  const quoted = words.map(word => JSON.stringify(word));
  const wanted = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
  return rule(wanted, value => words.some(word => word === value));
}

/** A list whose items all keep to a rule. */
export function listOf(item: Rule): Rule {
  return (value, place) => {
    if (!Array.isArray(value)) throw misfit(place, 'a list', value);
    value.forEach((one, i) => item(one, { ...place, name: `${place.name}[${i}]` }));
  };
}

/** An object with any names, whose values all keep to a rule. */
export function mapOf(item: Rule): Rule {
  return (value, place) => {
    if (!isObject(value)) throw misfit(place, 'an object', value);
    for (const [key, one] of given(value)) item(one, part(place, key));
  };
}

/** An object that has no other options than those of the rules; each may be left out. */
export function objectOf(rules: Rules): Rule {
  return (value, place) => {
    const names = Object.keys(rules);
    if (!isObject(value)) throw misfit(place, `an object with ${names.join(', ')}`, value);
    const unknown = given(value).flatMap(([key]) => (Object.hasOwn(rules, key) ? [] : [key]));
    if (unknown.length > 0) throw unknownOptions(place, unknown, names);
    for (const [key, one] of given(value)) rules[key](one, part(place, key));
  };
}

/** A regular expression with its flags. */
export function checkPattern(pattern: string, flags: string | undefined, place: Place): void {
  try {
    new RegExp(pattern, flags);
  } catch (error) {
    throw misfit(place, `a JavaScript regular expression (${messageOf(error)})`, pattern);
  }
}

/** The error for a value that cannot be used. */
export function misfit({ where, name }: Place, wanted: string, value: unknown): NbtestError {
  const what = name === '' ? where : `${where}: "${name}"`;
  return new NbtestError('usage', `${what} must be ${wanted}, not ${shown(value)}`);
}

function rule(wanted: string, fits: (value: unknown) => boolean): Rule {
  return (value, place) => {
    if (!fits(value)) throw misfit(place, wanted, value);
  };
}

function unknownOptions({ where, name }: Place, unknown: readonly string[], known: string[]): NbtestError {
  const described = unknown.map(key => {
    const nearest = nearestOf(key, known);
    return `"${key}"${nearest === undefined ? '' : ` (the nearest is "${nearest}")`}`;
  });
  const what = name === '' ? where : `${where}: "${name}"`;
  return new NbtestError(
    'usage',
    `${what} has no option ${described.join(', ')}: there are ${known.join(', ')}`,
  );
}

/** The known word that a mistyped one is most like, if one is like it at all. */
function nearestOf(word: string, known: readonly string[]): string | undefined {
  const far = Math.max(1, Math.floor(word.length / 3)) + 1;
  let best: { name?: string; distance: number } = { distance: far };
  for (const name of known) {
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance < best.distance) best = { name, distance };
  }
  return best.name;
}

/** How many characters must be changed, put in or left out to make one word of the other. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}

// In a configuration written in JavaScript an option that is undefined is one that was left out.
function given(value: object): [string, unknown][] {
  return Object.entries(value).filter(([, one]) => one !== undefined);
}

function part({ where, name }: Place, key: string): Place {
  if (!/^[\w$]+$/.test(key)) return { where, name: `${name}[${JSON.stringify(key)}]` };
  return { where, name: name === '' ? key : `${name}.${key}` };
}

function isNumber(value: unknown): value is number | ExactNumber {
  return typeof value === 'number' || value instanceof ExactNumber;
}

function shown(value: unknown): string {
  if (isNumber(value)) return value instanceof ExactNumber ? value.text : String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
