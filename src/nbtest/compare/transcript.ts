import { createHash } from 'node:crypto';
import { stripAnsi } from '../execute/failure';
import { type Json, stringifyJson } from '../json';
import { isJsonMime } from '../notebook/read';
import { type MimeBundle, type Output } from '../notebook/types';

/** What of a cell's outputs is shown. */
export interface TranscriptOptions {
  ignoreMimeTypes: readonly string[];
  ignoreStderr: boolean;
}

/**
 * A cell's outputs as one text that can be compared and shown as a diff. Left out is what may differ without meaning:
 * prompt numbers, metadata, traces, colours, and how stdout and stderr interleaved.
 */
export function transcript(outputs: readonly Output[], options: TranscriptOptions): string {
  const sections: string[] = [];
  for (const name of options.ignoreStderr ? ['stdout'] : ['stdout', 'stderr']) {
    const text = outputs
      .map(output => (output.output_type === 'stream' && output.name === name ? output.text : ''))
      .join('');
    if (text !== '') sections.push(section(name, overwritten(stripAnsi(text))));
  }
  for (const output of outputs) {
    if (output.output_type === 'error') {
      sections.push(section(`error ${output.ename}`, stripAnsi(output.evalue)));
    } else if (output.output_type !== 'stream') {
      sections.push(...bundle(output.output_type, output.data, options.ignoreMimeTypes));
    }
  }
  return sections.join('\n');
}

function bundle(kind: string, data: MimeBundle, ignored: readonly string[]): string[] {
  return Object.keys(data)
    .filter(mime => !ignored.some(pattern => matches(mime, pattern)))
    .sort()
    .map(mime => section(`${kind} ${mime}`, valueText(mime, data[mime])));
}

function valueText(mime: string, value: Json): string {
  if (isJsonMime(mime)) return stringifyJson(value);
  const text = typeof value === 'string' ? value : stringifyJson(value);
  if (mime.startsWith('text/') || mime === 'image/svg+xml' || mime === 'application/javascript') {
    return stripAnsi(text);
  }
  const bytes = Buffer.from(text, 'base64');
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  return `${bytes.length} bytes, sha256 ${digest}…`;
}

/** A terminal's carriage returns: of a line written several times over, the last state is left. */
function overwritten(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .split('\n')
    .map(line => line.split('\r').filter(Boolean).at(-1) ?? '')
    .join('\n');
}

function matches(mime: string, pattern: string): boolean {
  return pattern.endsWith('*') ? mime.startsWith(pattern.slice(0, -1)) : mime === pattern;
}

function section(title: string, text: string): string {
  return `[${title}]\n${text}${text.endsWith('\n') ? '' : '\n'}`;
}
