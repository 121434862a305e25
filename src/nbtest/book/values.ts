import { NbtestError } from '../errors';
import { ExactNumber, isObject, type Json, parseJson } from '../json';

/** Code that prints a value as one marked line of JSON, in the kernel's language. Throws NbtestError 'usage'. */
export function readCode(expression: string, language: string, mark: string): string {
  const write = writers[language.toLowerCase()];
  if (write) return write(expression, mark);
  const known = Object.keys(writers).join(', ');
  throw new NbtestError('usage', `Values cannot be read out of a ${language} kernel: supported are ${known}`);
}

/** The value that code of `readCode` printed. Throws NbtestError 'cell' if it printed none. */
export function printedValue(stdout: string, mark: string, expression: string): unknown {
  const start = stdout.lastIndexOf(mark);
  const text = start < 0 ? '' : stdout.slice(start + mark.length).split('\n', 1)[0];
  if (text === '') throw new NbtestError('cell', `${expression} gave no value`);
  return plain(parseJson(text));
}

// Numbers that JSON lacks travel as {"$number": "NaN"}; typed arrays as lists.
const encodeInJavaScript = `(key: any, value: any) => {
  if (typeof value === "number" && !Number.isFinite(value)) return { $number: String(value) };
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as any);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  const kind = typeof value?.then === "function" ? "a promise (await it)" : typeof value;
  if (kind === "function" || kind === "symbol" || kind[1] === " " || (value === undefined && key === ""))
    throw new TypeError((key === "" ? "the value" : JSON.stringify(key)) + " is " + kind + ": JSON cannot hold it");
  return value;
}`;

const writers: Record<string, (expression: string, mark: string) => string> = {
  typescript: (expression, mark) =>
    `console.log(${JSON.stringify(mark)} + JSON.stringify((${expression}) as any, ${encodeInJavaScript}));`,
  javascript: (expression, mark) =>
    `console.log(${JSON.stringify(mark)} + JSON.stringify((${expression}), ${encodeInJavaScript.replace(/: any| as any/g, '')}));`,
  python: (expression, mark) => pythonCode(expression, mark),
};

// In a function, so that no name is left behind. numpy arrays and scalars know tolist().
function pythonCode(expression: string, mark: string): string {
  return `def __nbtest(value):
    import json, math
    def encode(v):
        if isinstance(v, float) and not math.isfinite(v):
            return {"$number": "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"}
        if isinstance(v, dict):
            return {str(k): encode(x) for k, x in v.items()}
        if isinstance(v, (list, tuple, set, frozenset)):
            return [encode(x) for x in v]
        return encode(v.tolist()) if hasattr(v, "tolist") else v
    print(${JSON.stringify(mark)} + json.dumps(encode(value)))
try:
    __nbtest(${expression})
finally:
    del __nbtest`;
}

function plain(value: Json): unknown {
  if (value instanceof ExactNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && typeof value.$number === 'string') return Number(value.$number);
  return Object.fromEntries(keys.map(key => [key, plain(value[key])]));
}
