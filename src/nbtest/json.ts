/**
 * JSON that survives a round trip. Python writes 1.0 and 1e-05 where JavaScript would write 1 and 0.00001, has integers
 * beyond 2^53, and writes NaN and Infinity, which JSON lacks; a notebook read and written back must not change in places
 * that nobody touched.
 */

/** A number that JavaScript would spell differently, NaN and the infinities included: keeps its source text. Use `valueOf()` for arithmetic. */
export class ExactNumber {
  constructor(readonly text: string) {}
  valueOf(): number {
    return Number(this.text);
  }
  toJSON(): number {
    return Number(this.text);
  }
}

/** Any JSON value as `parseJson` returns it. */
export type Json = null | boolean | number | string | ExactNumber | Json[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  [key: string]: Json;
}

/** True for a plain JSON object (not null, array or ExactNumber). */
export function isObject(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
  );
}

/** A syntax error with its place in the text (1-based). */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
  constructor(
    readonly reason: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(`line ${line}, column ${column}: ${reason}`);
  }
}

// Any number that could have another spelling: fractions ending in 0, exponents, 16 and more digits, negative zero.
const risky = /[0-9]\.[0-9]*0(?![0-9])|[0-9][eE]|[0-9]{16}|0\.0{5}|-0/;

/** How deep lists and objects may be nested; Python's json gives up at about the same depth. */
const deepest = 1000;

/**
 * Parses JSON text, and as Python's json NaN, Infinity and -Infinity; numbers that JavaScript would respell become
 * `ExactNumber`. Throws JsonSyntaxError, also for what is nested too deep.
 */
export function parseJson(text: string): Json {
  if (!risky.test(text)) {
    try {
      const value = JSON.parse(text) as Json;
      if (fits(value, deepest)) return value;
    } catch {
      // The parser below finds the same error and knows its place.
    }
  }
  return new Parser(text).parse();
}

function fits(value: Json, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((item: Json) => fits(item, levels - 1));
}

const words = new Map<string, Json>([
  ['true', true],
  ['false', false],
  ['null', null],
  ...['NaN', 'Infinity', '-Infinity'].map(word => [word, new ExactNumber(word)] as const),
]);
const wordPattern = new RegExp([...words.keys()].join('|'), 'y');
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const spacePattern = /[ \t\n\r]*/y;

class Parser {
  private at = 0;
  private depth = 0;
  constructor(private readonly text: string) {}

  parse(): Json {
    const value = this.value();
    this.space();
    if (this.at < this.text.length) this.fail('unexpected text after the end of the value');
    return value;
  }

  private value(): Json {
    this.space();
    const next = this.text[this.at];
    if (next === '{') return this.nested(() => this.object());
    if (next === '[') return this.nested(() => this.array());
    if (next === '"') return this.string();
    if (next === undefined) this.fail('the text ends too early');
    const word = this.match(wordPattern);
    if (word !== undefined) return words.get(word)!;
    const number = this.match(numberPattern);
    if (number === undefined) this.fail(`unexpected ${JSON.stringify(next)}`);
    return String(Number(number)) === number ? Number(number) : new ExactNumber(number);
  }

  private nested<T>(read: () => T): T {
    if (++this.depth > deepest) this.fail(`nested more than ${deepest} levels deep`);
    const value = read();
    this.depth--;
    return value;
  }

  private object(): JsonObject {
    const result: JsonObject = {};
    this.at++;
    this.space();
    if (this.take('}')) return result;
    do {
      this.space();
      if (this.text[this.at] !== '"') this.fail('a key in quotes was expected');
      const key = this.string();
      this.space();
      if (!this.take(':')) this.fail("':' was expected");
      Object.defineProperty(result, key, {
        value: this.value(),
        enumerable: true,
        writable: true,
        configurable: true,
      });
      this.space();
    } while (this.take(','));
    if (!this.take('}')) this.fail("',' or '}' was expected");
    return result;
  }

  private array(): Json[] {
    const result: Json[] = [];
    this.at++;
    this.space();
    if (this.take(']')) return result;
    do {
      result.push(this.value());
      this.space();
    } while (this.take(','));
    if (!this.take(']')) this.fail("',' or ']' was expected");
    return result;
  }

  // No regular expression: those overflow the stack at some megabytes, and an image can have that many.
  private string(): string {
    const end = this.closingQuote();
    try {
      const value = JSON.parse(this.text.slice(this.at, end + 1)) as string;
      this.at = end + 1;
      return value;
    } catch {
      return this.fail('a string that is not closed or has a bad escape');
    }
  }

  /** The place of the quote that ends the string beginning here; that of the beginning itself if there is none. */
  private closingQuote(): number {
    let end = this.text.indexOf('"', this.at + 1);
    while (end >= 0 && this.isEscaped(end)) end = this.text.indexOf('"', end + 1);
    return end < 0 ? this.at : end;
  }

  /** True if an odd number of backslashes stands before the place. */
  private isEscaped(place: number): boolean {
    let start = place;
    while (this.text[start - 1] === '\\') start--;
    return (place - start) % 2 === 1;
  }

  private space(): void {
    this.match(spacePattern);
  }

  private take(char: string): boolean {
    if (this.text[this.at] !== char) return false;
    this.at++;
    return true;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private fail(reason: string): never {
    const before = this.text.slice(0, this.at).split('\n');
    throw new JsonSyntaxError(reason, before.length, (before.at(-1) ?? '').length + 1);
  }
}

/** How JSON text is laid out. */
export interface JsonLayout {
  /** One step of indentation; null: everything on one line. */
  indent: string | null;
  /** Keys in order of their code points; otherwise as the objects have them. */
  sortKeys: boolean;
  /** Write what is not ASCII as escapes. */
  ascii: boolean;
}

/** Python's `json.dumps(indent=1, sort_keys=True, ensure_ascii=False)`: the layout of nbformat. */
export const nbformatLayout: JsonLayout = { indent: ' ', sortKeys: true, ascii: false };

/** Writes JSON. */
export function stringifyJson(value: Json, layout: JsonLayout = nbformatLayout, outer = ''): string {
  if (value instanceof ExactNumber) return value.text;
  const inner = outer + (layout.indent ?? '');
  const list = (open: string, items: string[], close: string): string => {
    if (items.length === 0) return open + close;
    if (layout.indent === null) return open + items.join(', ') + close;
    return `${open}\n${items.map(item => inner + item).join(',\n')}\n${outer}${close}`;
  };
  if (Array.isArray(value)) {
    const items = value.map(item => stringifyJson(item, layout, inner));
    return list('[', items, ']');
  }
  if (isObject(value)) {
    const keys = Object.keys(value).filter(key => value[key] !== undefined);
    if (layout.sortKeys) keys.sort();
    const items = keys.map(
      key => `${stringifyJson(key, layout)}: ${stringifyJson(value[key], layout, inner)}`,
    );
    return list('{', items, '}');
  }
  const text = JSON.stringify(value);
  return layout.ascii ? text.replace(/[\u0080-\uffff]/g, escaped) : text;
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
