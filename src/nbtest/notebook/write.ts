import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { NbtestError, messageOf } from '../errors';
import { type Json, type JsonObject, stringifyJson } from '../json';
import { splitLines, textLike } from './layout';
import { isJsonMime } from './read';
import { type Cell, firstMinorWithIds, type MimeBundle, type Notebook, type Output } from './types';

/** The text of a notebook file, byte for byte as Python's nbformat writes it (sorted keys, indent 1, final newline). */
export function notebookText(notebook: Notebook): string {
  return `${stringifyJson(notebookJson(notebook))}\n`;
}

/**
 * Writes a notebook file in one step: a reader (or a crash) sees the old file or the new one, never a part.
 * An existing file keeps its layout, and is left alone if nothing in it changed. Missing folders are made; a link is
 * followed; the file's mode is kept.
 */
export function writeNotebook(path: string, notebook: Notebook): void {
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  const text = before === undefined ? notebookText(notebook) : textLike(before, notebookJson(notebook));
  if (text !== before) writeAtomically(path, text);
}

function notebookJson(notebook: Notebook): JsonObject {
  const withIds = notebook.nbformat_minor >= firstMinorWithIds;
  return {
    nbformat: notebook.nbformat,
    nbformat_minor: notebook.nbformat_minor,
    metadata: notebook.metadata,
    cells: notebook.cells.map(cell => (withIds ? { id: cell.id, ...cellJson(cell) } : cellJson(cell))),
  };
}

/** Writes a text file through a temporary file beside it and a rename. */
export function writeAtomically(path: string, text: string): void {
  let target = path;
  let mode: number | undefined;
  try {
    target = realpathSync(path);
    mode = statSync(target).mode;
  } catch {
    // A new file.
  }
  const draft = join(dirname(target), `.${basename(target)}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(draft, text);
    if (mode !== undefined) chmodSync(draft, mode);
    renameSync(draft, target);
  } catch (error) {
    if (existsSync(draft)) rmSync(draft);
    throw new NbtestError('notebook', `Cannot write ${path}: ${messageOf(error)}`);
  }
}

function cellJson(cell: Cell): JsonObject {
  const { cell_type, metadata } = cell;
  const json: JsonObject = { cell_type, metadata, source: splitLines(cell.source) };
  if (cell.cell_type === 'code') {
    json.execution_count = cell.execution_count;
    json.outputs = cell.outputs.map(outputJson);
  } else if (cell.attachments) {
    json.attachments = Object.fromEntries(
      Object.entries(cell.attachments).map(([name, bundle]) => [name, bundleJson(bundle as MimeBundle)]),
    );
  }
  return json;
}

function outputJson(output: Output): JsonObject {
  switch (output.output_type) {
    case 'stream':
      return { output_type: 'stream', name: output.name, text: splitLines(output.text) };
    case 'display_data':
    case 'execute_result':
      return { ...output, data: bundleJson(output.data) };
    case 'error':
      return { ...output };
  }
}

function bundleJson(bundle: MimeBundle): JsonObject {
  const split = (mime: string, value: Json): Json =>
    typeof value === 'string' && !isJsonMime(mime) && isSplit(mime) ? splitLines(value) : value;
  return Object.fromEntries(Object.entries(bundle).map(([mime, value]) => [mime, split(mime, value)]));
}

function isSplit(mime: string): boolean {
  return mime.startsWith('text/') || mime === 'application/javascript' || mime === 'image/svg+xml';
}
