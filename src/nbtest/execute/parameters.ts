import { createHash } from 'node:crypto';
import { NbtestError } from '../errors';
import { ExactNumber, isObject, type Json, type JsonObject } from '../json';
import { type CodeCell, type Notebook, tagsOf } from '../notebook/types';

/**
 * Inserts a cell that sets the given values, tagged `injected-parameters`, after the cell tagged `parameters` (at the
 * top if there is none); one that an earlier run left is replaced. The same convention as papermill's.
 * Throws NbtestError 'parameters' for names that the tagged cell does not set, and for languages that it cannot write.
 */
export function injectParameters(notebook: Notebook, parameters: JsonObject, language: string): void {
  const names = Object.keys(parameters);
  if (names.length === 0) return;
  notebook.cells = notebook.cells.filter(cell => !tagsOf(cell).includes('injected-parameters'));
  const tagged = notebook.cells.findIndex(cell => tagsOf(cell).includes('parameters'));
  if (tagged >= 0) checkNames(names, notebook.cells[tagged].source);
  const source = parameterCode(parameters, language);
  const id = `parameters-${createHash('sha256').update(names.join()).digest('hex').slice(0, 8)}`;
  const cell: CodeCell = {
    cell_type: 'code',
    id,
    metadata: { tags: ['injected-parameters'] },
    source,
    outputs: [],
    execution_count: null,
  };
  notebook.cells.splice(tagged + 1, 0, cell);
}

/** Code that sets the values, in the kernel's language. */
export function parameterCode(parameters: JsonObject, language: string): string {
  const write = writers[language.toLowerCase()];
  if (!write) {
    throw new NbtestError(
      'parameters',
      `Parameters cannot be written in ${language || 'an unknown language'}: supported are ${Object.keys(writers).join(', ')}`,
    );
  }
  const lines = Object.entries(parameters).map(([name, value]) => {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw new NbtestError('parameters', `The parameter "${name}" is not a name that a variable can have`);
    }
    return write(name, value);
  });
  return ['Parameters', ...lines]
    .map((line, i) => (i === 0 ? `${comment(language)} ${line}` : line))
    .join('\n');
}

const writers: Record<string, (name: string, value: Json) => string> = {
  typescript: (name, value) => `let ${name} = ${scriptLiteral(value)};`,
  javascript: (name, value) => `var ${name} = ${scriptLiteral(value)};`,
  python: (name, value) => `${name} = ${pythonLiteral(value)}`,
};

function comment(language: string): string {
  return language.toLowerCase() === 'python' ? '#' : '//';
}

function scriptLiteral(value: Json): string {
  if (isNumber(value)) return numberText(value);
  if (Array.isArray(value)) return `[${value.map(scriptLiteral).join(',')}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const items = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${scriptLiteral(item)}`);
  return `{${items.join(',')}}`;
}

function pythonLiteral(value: Json): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (isNumber(value)) {
    const text = numberText(value);
    return pythonNumbers[text] ?? text;
  }
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`;
  if (isObject(value)) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}: ${pythonLiteral(item)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value);
}

/** Numbers that have no literal in Python, written as papermill does. */
const pythonNumbers: Record<string, string | undefined> = {
  NaN: "float('nan')",
  Infinity: "float('inf')",
  '-Infinity': "float('-inf')",
};

function isNumber(value: Json): value is number | ExactNumber {
  return typeof value === 'number' || value instanceof ExactNumber;
}

// As it was written: in Python 1.0 is another thing than 1.
function numberText(value: number | ExactNumber): string {
  return value instanceof ExactNumber ? value.text : String(value);
}

function checkNames(names: readonly string[], source: string): void {
  const code = source.replace(/^\s*(?:#|\/\/).*$/gm, '');
  const unknown = names.filter(name => !new RegExp(`(?<![\\w$.])${name}\\s*(?::[^=\\n]*)?=(?!=)`).test(code));
  if (unknown.length === 0) return;
  const known = [...code.matchAll(/(?<![\w$.])([A-Za-z_]\w*)\s*(?::[^=\n]*)?=(?!=)/g)].map(match => match[1]);
  throw new NbtestError(
    'parameters',
    `The notebook has no parameter ${unknown.join(', ')}: its cell tagged "parameters" sets ${known.join(', ') || 'nothing'}`,
  );
}
