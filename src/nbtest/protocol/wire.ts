/** The Jupyter wire protocol: framing and signing. https://jupyter-client.readthedocs.io/en/stable/messaging.html */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { NbtestError } from '../errors';
import { isObject, parseJson, type Json, type JsonObject } from '../json';

const delimiter = Buffer.from('<IDS|MSG>');
const protocolVersion = '5.3';

export type Channel = 'shell' | 'iopub' | 'stdin' | 'control';

export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  date: string;
  version: string;
}

export interface Message {
  header: Header;
  /** The header of the request that caused this message; empty if there was none. */
  parent: Partial<Header>;
  metadata: JsonObject;
  content: JsonObject;
  buffers: Buffer[];
}

/** A message that is not from our kernel. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError';
  constructor() {
    super('wrong signature');
  }
}

/** Makes and reads the frames of one connection; `key` is the connection file's, '' turns signing off. */
export class Wire {
  readonly session = randomUUID();
  constructor(
    private readonly key: string,
    scheme: string,
  ) {
    if (scheme !== 'hmac-sha256') {
      throw new NbtestError('start', `signature scheme ${scheme} is not supported: use hmac-sha256`);
    }
  }

  header(type: string): Header {
    return {
      msg_id: randomUUID(),
      msg_type: type,
      session: this.session,
      username: 'nbtest',
      date: new Date().toISOString(),
      version: protocolVersion,
    };
  }

  encode(header: Header, content: JsonObject, parent: Partial<Header> = {}): Buffer[] {
    const body = [header, parent, {}, content].map(part => Buffer.from(JSON.stringify(part)));
    return [delimiter, Buffer.from(this.sign(body)), ...body];
  }

  /** Throws SignatureError, and any other Error when the frames are no message that can be read. */
  decode(frames: readonly Buffer[]): Message {
    const start = frames.findIndex(frame => delimiter.equals(frame));
    if (start < 0 || frames.length < start + 6) throw new Error('not a Jupyter message');
    const body = frames.slice(start + 2, start + 6);
    if (this.key !== '') {
      const wanted = Buffer.from(this.sign(body));
      const signature = frames[start + 1];
      if (wanted.length !== signature.length || !timingSafeEqual(wanted, signature)) {
        throw new SignatureError();
      }
    }
    const [header, parent, metadata] = body.slice(0, 3).map(part => parse(part.toString()));
    if (!isHeader(header)) throw new Error('its header names no msg_type');
    const content = parseContent(header.msg_type, body[3].toString());
    return {
      header,
      parent: isObject(parent) ? parent : {},
      metadata: isObject(metadata) ? metadata : {},
      content: isObject(content) ? content : {},
      buffers: frames.slice(start + 6),
    };
  }

  private sign(body: readonly Buffer[]): string {
    if (this.key === '') return '';
    const hmac = createHmac('sha256', this.key);
    for (const part of body) hmac.update(part);
    return hmac.digest('hex');
  }
}

function isHeader(json: unknown): json is Header {
  return isObject(json) && typeof json.msg_type === 'string';
}

// Numbers must keep their spelling only in what is stored as JSON: data and their metadata.
function parseContent(type: string, text: string): Json {
  const stored = type.endsWith('display_data') || type === 'execute_result';
  return stored ? parseJson(text) : parse(text);
}

// The fast way for most; kernels that write NaN take the other.
function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return parseJson(text);
  }
}
