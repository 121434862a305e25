import { isObject, type Json, type JsonObject } from '../json';
import { mimeBundle } from '../notebook/read';
import {
  type CodeCell,
  type DisplayData,
  type ErrorOutput,
  type ExecuteResult,
  type Output,
} from '../notebook/types';
import { type Message } from '../protocol/wire';

/** How much a cell may put out before it is stopped. */
export interface OutputLimit {
  /** Lines of streamed text. */
  lines: number;
  /** Characters of all outputs together. */
  characters: number;
}

/** Lines kept at the start and at the end when the text of a flooding cell is shortened. */
const keptLines = { head: 500, tail: 50 };

/** Puts a kernel's IOPub messages into cells as nbformat outputs. One recorder serves a whole session. */
export class OutputRecorder {
  private readonly byDisplayId = new Map<string, (DisplayData | ExecuteResult)[]>();
  constructor(private readonly limit: OutputLimit) {}

  /** Empties the cell and returns the place where its messages go. */
  begin(cell: CodeCell): CellOutputs {
    cell.outputs = [];
    cell.execution_count = null;
    return new CellOutputs(cell, this.limit, this.byDisplayId);
  }
}

/** The outputs of one run of one cell. */
export class CellOutputs {
  /** True once the limit has been passed; everything after that is dropped. */
  flooded = false;
  private lines = 0;
  private characters = 0;
  private clearNext = false;

  constructor(
    readonly cell: CodeCell,
    private readonly limit: OutputLimit,
    private readonly byDisplayId: Map<string, (DisplayData | ExecuteResult)[]>,
  ) {}

  /** Records one message; unknown types (comms, debug events) are ignored. */
  record(message: Message): void {
    if (this.flooded) return;
    const { content } = message;
    switch (message.header.msg_type) {
      case 'execute_input':
        this.cell.execution_count = count(content.execution_count);
        break;
      case 'stream':
        this.stream(content.name === 'stderr' ? 'stderr' : 'stdout', text(content.text));
        break;
      case 'display_data':
        this.display({ output_type: 'display_data', ...bundle(content) }, content);
        break;
      case 'execute_result': {
        const execution_count = count(content.execution_count);
        this.display({ output_type: 'execute_result', execution_count, ...bundle(content) }, content);
        break;
      }
      case 'update_display_data':
        for (const shown of this.byDisplayId.get(displayId(content) ?? '') ?? []) {
          Object.assign(shown, bundle(content));
        }
        break;
      case 'clear_output':
        if (content.wait === true) this.clearNext = true;
        else this.clear();
        break;
      case 'error':
        this.error({
          output_type: 'error',
          ename: text(content.ename),
          evalue: text(content.evalue),
          traceback: Array.isArray(content.traceback) ? content.traceback.map(text) : [],
        });
        break;
    }
  }

  /** Adds an error output (also one that the kernel did not publish itself). */
  error(output: ErrorOutput): void {
    this.add(output, JSON.stringify(output).length);
  }

  /** The text of one stream so far. */
  text(name: 'stdout' | 'stderr'): string {
    return this.cell.outputs
      .map(output => (output.output_type === 'stream' && output.name === name ? output.text : ''))
      .join('');
  }

  private stream(name: 'stdout' | 'stderr', chunk: string): void {
    if (chunk === '') return;
    this.lines += chunk.split('\n').length - 1;
    this.clearIfDue();
    const last = this.cell.outputs.at(-1);
    // Kernels send text in pieces; one run of text is one output, as JupyterLab stores it.
    if (last?.output_type === 'stream' && last.name === name) {
      last.text += chunk;
      this.measure(chunk.length);
    } else {
      this.add({ output_type: 'stream', name, text: chunk }, chunk.length);
    }
  }

  private display(output: DisplayData | ExecuteResult, content: JsonObject): void {
    const id = displayId(content);
    if (id !== undefined) {
      // Showing an id again also refreshes where it was shown before.
      const shown = this.byDisplayId.get(id) ?? [];
      for (const earlier of shown) Object.assign(earlier, { data: output.data, metadata: output.metadata });
      this.byDisplayId.set(id, [...shown, output]);
    }
    const size = Object.values(output.data).reduce<number>(
      (sum, value) => sum + (typeof value === 'string' ? value : JSON.stringify(value)).length,
      0,
    );
    this.add(output, size);
  }

  private add(output: Output, size: number): void {
    this.clearIfDue();
    this.cell.outputs.push(output);
    this.measure(size);
  }

  private clearIfDue(): void {
    if (this.clearNext) this.clear();
  }

  private clear(): void {
    this.clearNext = false;
    const gone = new Set<Output>(this.cell.outputs);
    for (const [id, shown] of this.byDisplayId) {
      this.byDisplayId.set(
        id,
        shown.filter(output => !gone.has(output)),
      );
    }
    this.cell.outputs = [];
    this.lines = 0;
    this.characters = 0;
  }

  private measure(size: number): void {
    this.characters += size;
    if (this.lines <= this.limit.lines && this.characters <= this.limit.characters) return;
    this.flooded = true;
    for (const output of this.cell.outputs) {
      if (output.output_type === 'stream') output.text = shorten(output.text);
    }
  }
}

function shorten(text: string): string {
  const lines = text.split('\n');
  const left = lines.length - keptLines.head - keptLines.tail;
  const short =
    left <= 0
      ? text
      : [
          ...lines.slice(0, keptLines.head),
          `… ${left} lines left out …`,
          ...lines.slice(-keptLines.tail),
        ].join('\n');
  return short.length <= 200_000
    ? short
    : `${short.slice(0, 200_000)}\n… ${short.length - 200_000} characters left out …\n`;
}

function displayId(content: JsonObject): string | undefined {
  const id = isObject(content.transient) ? content.transient.display_id : undefined;
  return typeof id === 'string' ? id : undefined;
}

function bundle(content: JsonObject): { data: JsonObject; metadata: JsonObject } {
  return { data: mimeBundle(content.data), metadata: isObject(content.metadata) ? content.metadata : {} };
}

function count(value: Json | undefined): number | null {
  return typeof value === 'number' && Number.isInteger(value) ? value : null;
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}
