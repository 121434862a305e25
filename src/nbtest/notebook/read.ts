import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { NbtestError, messageOf } from '../errors';
import { ExactNumber, JsonSyntaxError, isObject, parseJson, type Json, type JsonObject } from '../json';
import {
  type Cell,
  type CodeCell,
  firstMinorWithIds,
  type MimeBundle,
  type Notebook,
  type Output,
} from './types';

/** Reads an .ipynb file. Throws NbtestError 'notebook' naming the file, the place and the mend. */
export function readNotebook(path: string): Notebook {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new NbtestError('notebook', `Cannot read the notebook ${path}: ${messageOf(error)}`);
  }
  return parseNotebook(text, path);
}

/** Parses notebook text; `name` is used in error messages. */
export function parseNotebook(text: string, name = 'notebook'): Notebook {
  let json: Json;
  try {
    json = parseJson(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const mend = /^(<{7}|={7}|>{7})/m.test(text)
      ? 'resolve the merge conflict in it'
      : 'restore it from version control or save it again in Jupyter';
    throw new NbtestError('notebook', `${name} is not valid JSON (${error.message}): ${mend}`);
  }
  const bad = (what: string): never => {
    throw new NbtestError('notebook', `${name} is not a notebook of nbformat 4: ${what}`);
  };
  if (!isObject(json)) return bad('the top level must be an object');
  const version = numberOf(json.nbformat);
  if (version !== 4) {
    return bad(
      version === undefined
        ? 'the field "nbformat" is missing'
        : `nbformat is ${version}; convert the file with "jupyter nbconvert --to notebook --nbformat 4"`,
    );
  }
  if (!Array.isArray(json.cells)) return bad('"cells" must be a list');
  if (json.metadata !== undefined && !isObject(json.metadata)) return bad('"metadata" must be an object');
  const metadata: JsonObject = { ...(json.metadata as JsonObject | undefined) };
  for (const key of ['orig_nbformat', 'orig_nbformat_minor', 'signature']) delete metadata[key];
  const cells = json.cells.map((cell, index) => readCell(cell, what => bad(`cell ${index + 1}: ${what}`)));
  giveIds(cells);
  return { nbformat: 4, nbformat_minor: minorOf(json.nbformat_minor), metadata, cells };
}

function readCell(json: Json, bad: (what: string) => never): Cell {
  if (!isObject(json)) return bad('must be an object');
  const type = json.cell_type;
  if (type !== 'code' && type !== 'markdown' && type !== 'raw') {
    return bad(`cell_type is ${JSON.stringify(type ?? null)}, not "code", "markdown" or "raw"`);
  }
  const source = joined(json.source);
  if (source === undefined) return bad('"source" must be text or a list of lines');
  if (json.metadata !== undefined && !isObject(json.metadata)) return bad('"metadata" must be an object');
  const metadata: JsonObject = { ...(json.metadata as JsonObject | undefined) };
  delete metadata.trusted;
  const id = typeof json.id === 'string' ? json.id : '';
  if (type !== 'code') {
    const attachments = isObject(json.attachments) ? { attachments: json.attachments } : {};
    return { cell_type: type, id, metadata, source, ...attachments };
  }
  const outputs = json.outputs ?? [];
  if (!Array.isArray(outputs)) return bad('"outputs" must be a list');
  return {
    cell_type: 'code',
    id,
    metadata,
    source,
    outputs: outputs.map((output, i) => readOutput(output, what => bad(`output ${i + 1}: ${what}`))),
    execution_count: numberOf(json.execution_count) ?? null,
  };
}

function readOutput(json: Json, bad: (what: string) => never): Output {
  if (!isObject(json)) return bad('must be an object');
  const metadata = isObject(json.metadata) ? json.metadata : {};
  switch (json.output_type) {
    case 'stream': {
      const text = joined(json.text);
      if (text === undefined) return bad('"text" must be text or a list of lines');
      return { output_type: 'stream', name: typeof json.name === 'string' ? json.name : 'stdout', text };
    }
    case 'display_data':
      return { output_type: 'display_data', data: mimeBundle(json.data), metadata };
    case 'execute_result':
      return {
        output_type: 'execute_result',
        data: mimeBundle(json.data),
        metadata,
        execution_count: numberOf(json.execution_count) ?? null,
      };
    case 'error':
      return {
        output_type: 'error',
        ename: String(json.ename ?? ''),
        evalue: String(json.evalue ?? ''),
        traceback: Array.isArray(json.traceback) ? json.traceback.map(line => String(line)) : [],
      };
    default:
      return bad(`output_type is ${JSON.stringify(json.output_type ?? null)}`);
  }
}

/** True for MIME types whose data is JSON and is stored unsplit. */
export function isJsonMime(mime: string): boolean {
  return mime === 'application/json' || (mime.startsWith('application/') && mime.endsWith('+json'));
}

/** Any value as a valid MIME bundle: lines joined, and text where only text may stand. */
export function mimeBundle(json: Json | undefined): MimeBundle {
  const bundle: MimeBundle = {};
  for (const [mime, value] of Object.entries(isObject(json) ? json : {})) {
    bundle[mime] = isJsonMime(mime) ? value : (joined(value) ?? JSON.stringify(value));
  }
  return bundle;
}

function joined(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return Array.isArray(value) && value.every(line => typeof line === 'string') ? value.join('') : undefined;
}

function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' || value instanceof ExactNumber ? Number(value) : undefined;
}

function minorOf(value: Json | undefined): number {
  const minor = numberOf(value);
  return minor !== undefined && Number.isInteger(minor) && minor >= 0 ? minor : firstMinorWithIds;
}

// Cells without an id (nbformat < 4.5), with a bad or a repeated one get one derived from place and source, so that
// two runs over the same file give the same ids.
function giveIds(cells: Cell[]): void {
  const seen = new Set<string>();
  cells.forEach((cell, index) => {
    let id = cell.id;
    for (let attempt = 0; !/^[a-zA-Z0-9-_]{1,64}$/.test(id) || seen.has(id); attempt++) {
      id = createHash('sha256').update(`${index} ${attempt} ${cell.source}`).digest('hex').slice(0, 8);
    }
    seen.add(id);
    cell.id = id;
  });
}

/** The code cells of a notebook with their positions. */
export function codeCells(notebook: Notebook): { cell: CodeCell; index: number }[] {
  return notebook.cells.flatMap((cell, index) => (cell.cell_type === 'code' ? [{ cell, index }] : []));
}
