/** The way from a cell to the page: bundles of MIME types, shown once or updated in place. */
import { randomBytes } from 'crypto';
import { ownSvg } from './ownSvg';

/**
 * One output in several forms; each front end takes the richest that it knows. JupyterLab with this project's extension draws
 * `application/vnd.plotly.v1+json`; VS Code (without extensions) and a code host's static view show the SVG.
 */
export interface MimeBundle {
  'application/vnd.plotly.v1+json'?: unknown;
  'image/svg+xml'?: string;
  'image/png'?: string;
  'text/html'?: string;
  'text/plain'?: string;
}

/** Where outputs go. `update` replaces the output shown under `id` before. */
export type OutputSink = (bundle: MimeBundle, id: string | undefined, update: boolean) => void;

let chosenSink: OutputSink | undefined;

/** Sends outputs elsewhere than to the kernel (a test, a page); `undefined` restores the kernel. */
export function setOutputSink(sink: OutputSink | undefined): void {
  chosenSink = sink;
}

interface DisplayMessage {
  data: MimeBundle;
  metadata: object;
  transient: { display_id?: string };
}

/**
 * tslab's own `display` takes one MIME type a call; its writer underneath takes a bundle. Outside a kernel there is
 * no writer, and outputs are dropped.
 */
function kernelSink(bundle: MimeBundle, id: string | undefined, update: boolean): void {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    const { lastWriteDisplayData } = require('tslab/dist/jupyter') as {
      lastWriteDisplayData: ((message: DisplayMessage, update: boolean) => void) | null;
    };
    lastWriteDisplayData?.({ data: bundle, metadata: {}, transient: id ? { display_id: id } : {} }, update);
  } catch {
    // tslab is not installed: there is no page to show anything on.
  }
}

function send(bundle: MimeBundle, id: string | undefined, update: boolean): void {
  const svg = bundle['image/svg+xml'];
  (chosenSink ?? kernelSink)(svg ? { ...bundle, 'image/svg+xml': ownSvg(svg) } : bundle, id, update);
}

/** Shows a bundle under the running cell. */
export function show(bundle: MimeBundle): void {
  send(bundle, undefined, false);
}

/** Shows an HTML fragment. Keep it legible without styles: static views strip them. */
export function showHtml(html: string): void {
  show({ 'text/html': html });
}

/** Shows an SVG picture, such as a model's diagram. */
export function showSvg(svg: string): void {
  show({ 'image/svg+xml': svg });
}

/** A place under the cell whose content is replaced by each `show`. */
export class Slot {
  private readonly id = randomBytes(8).toString('hex');
  private shown = false;

  /** Shows the bundle in place of the last one. */
  show(bundle: MimeBundle): void {
    send(bundle, this.id, this.shown);
    this.shown = true;
  }
}

/** Escapes text for HTML and SVG. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
}
