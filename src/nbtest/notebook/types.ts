import { type JsonObject } from '../json';

/** What a MIME bundle holds: text for text types, any JSON for `application/*json`. */
export type MimeBundle = JsonObject;

export interface StreamOutput {
  output_type: 'stream';
  name: string;
  text: string;
}
export interface DisplayData {
  output_type: 'display_data';
  data: MimeBundle;
  metadata: JsonObject;
}
export interface ExecuteResult {
  output_type: 'execute_result';
  data: MimeBundle;
  metadata: JsonObject;
  execution_count: number | null;
}
export interface ErrorOutput {
  output_type: 'error';
  ename: string;
  evalue: string;
  traceback: string[];
}
/** One output of a code cell, as nbformat 4 has it; multi-line text is joined in memory and split in the file. */
export type Output = StreamOutput | DisplayData | ExecuteResult | ErrorOutput;

export interface CodeCell {
  cell_type: 'code';
  id: string;
  metadata: JsonObject;
  source: string;
  outputs: Output[];
  execution_count: number | null;
}
export interface TextCell {
  cell_type: 'markdown' | 'raw';
  id: string;
  metadata: JsonObject;
  source: string;
  attachments?: JsonObject;
}
export type Cell = CodeCell | TextCell;

/** Files of nbformat 4 from this minor version on hold the cells' ids. */
export const firstMinorWithIds = 5;

/** A notebook in memory. Its cells have ids, whatever its version; they are written where the version has them. */
export interface Notebook {
  nbformat: 4;
  nbformat_minor: number;
  metadata: JsonObject;
  cells: Cell[];
}

/** The tags of a cell (empty if none). */
export function tagsOf(cell: Cell): string[] {
  const tags = cell.metadata.tags;
  return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === 'string') : [];
}
