/**
 * JSON that survives a round trip. Python writes 1.0 and 1e-05 where JavaScript would write 1 and 0.00001, and
 * has integers beyond 2^53; a notebook read and written back must not change in places that nobody touched.
 */

/** A number that JavaScript would spell differently: keeps its source text. Use `valueOf()` for arithmetic. */
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

/** Parses JSON text; numbers that JavaScript would respell become `ExactNumber`. Throws JsonSyntaxError. */
export function parseJson(text: string): Json {
  if (!risky.test(text)) {
    try {
      return JSON.parse(text) as Json;
    } catch {
      // The parser below finds the same error and knows its place.
    }
  }
  return new Parser(text).parse();
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const stringPattern = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y; // eslint-disable-line no-control-regex
const spacePattern = /[ \t\n\r]*/y;

class Parser {
  private at = 0;
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
    if (next === '{') return this.object();
    if (next === '[') return this.array();
    if (next === '"') return this.string();
    if (next === undefined) this.fail('the text ends too early');
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    const number = this.match(numberPattern);
    if (number === undefined) this.fail(`unexpected ${JSON.stringify(next)}`);
    return String(Number(number)) === number ? Number(number) : new ExactNumber(number);
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

  private string(): string {
    const literal = this.match(stringPattern);
    if (literal === undefined) this.fail('a string that is not closed or has a bad escape');
    return JSON.parse(literal) as string;
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
