import { Dealer, Request, Subscriber } from 'zeromq';
import { messageOf } from '../errors';
import { type JsonObject } from '../json';
import { type Channel, type Header, type Message, SignatureError, Wire } from './wire';

/** A Jupyter connection file. */
export interface ConnectionInfo {
  transport: string;
  ip: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
  key: string;
  signature_scheme: string;
  kernel_name?: string;
}

/** Whoever gets what comes on the sockets. */
export interface Listener {
  onMessage(channel: Channel, message: Message): void;
  /** A message of the kernel's could not be read; `reason` tells why. */
  onUnreadable(channel: Channel, reason: string): void;
}

/** The client's five sockets. Messages with a wrong signature are dropped and counted in `rejected`. */
export class Channels {
  readonly wire: Wire;
  rejected = 0;
  private readonly shell: Dealer;
  private readonly control: Dealer;
  private readonly stdin: Dealer;
  private readonly iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0, ...reconnect });
  private readonly sending: Record<'shell' | 'control' | 'stdin', Promise<void>>;
  private closed = false;

  constructor(
    private readonly connection: ConnectionInfo,
    private readonly listener: Listener,
  ) {
    this.wire = new Wire(connection.key, connection.signature_scheme);
    // A kernel asks for input on the stdin socket by the identity that it saw on shell, so they share one.
    const options = { linger: 0, routingId: this.wire.session, receiveHighWaterMark: 0, ...reconnect };
    this.shell = new Dealer(options);
    this.control = new Dealer(options);
    this.stdin = new Dealer(options);
    this.sending = { shell: Promise.resolve(), control: Promise.resolve(), stdin: Promise.resolve() };
    this.shell.connect(this.address('shell'));
    this.control.connect(this.address('control'));
    this.stdin.connect(this.address('stdin'));
    this.iopub.subscribe();
    this.iopub.connect(this.address('iopub'));
    for (const channel of ['shell', 'control', 'stdin', 'iopub'] as const) void this.listen(channel);
  }

  /** Sends one request and returns its header at once; sending goes on in the background. */
  send(channel: 'shell' | 'control' | 'stdin', type: string, content: JsonObject, parent?: Header): Header {
    const header = this.wire.header(type);
    const frames = this.wire.encode(header, content, parent);
    this.sending[channel] = this.sending[channel]
      .then(() => (this.closed ? undefined : this[channel].send(frames)))
      .catch(() => undefined); // The socket was closed, or the kernel is gone: whoever waits for a reply notices.
    return header;
  }

  /** Asks the heartbeat port for an echo: false if none came within `timeout` ms. */
  async heartbeat(timeout: number): Promise<boolean> {
    const socket = new Request({ linger: 0, receiveTimeout: timeout, sendTimeout: timeout });
    try {
      socket.connect(this.address('hb'));
      await socket.send('ping');
      await socket.receive();
      return true;
    } catch {
      return false;
    } finally {
      socket.close();
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const socket of [this.shell, this.control, this.stdin, this.iopub]) socket.close();
  }

  private address(channel: Channel | 'hb'): string {
    const { transport, ip } = this.connection;
    const port = this.connection[`${channel}_port`];
    return transport === 'ipc' ? `ipc://${ip}-${port}` : `${transport}://${ip}:${port}`;
  }

  private receive(channel: Channel, frames: readonly Buffer[]): void {
    let message: Message;
    try {
      message = this.wire.decode(frames);
    } catch (error) {
      if (error instanceof SignatureError) this.rejected++;
      else this.listener.onUnreadable(channel, messageOf(error));
      return;
    }
    this.listener.onMessage(channel, message);
  }

  private async listen(channel: Channel): Promise<void> {
    try {
      for await (const frames of this[channel]) {
        try {
          this.receive(channel, frames as Buffer[]);
        } catch (error) {
          // A defect of the listener's: it must be heard of, and the messages that follow must be, too.
          setImmediate(() => {
            throw error;
          });
        }
      }
    } catch (error) {
      if (!this.closed) throw error;
    }
  }
}

// Milliseconds. The kernel binds its sockets some time after we connect; the default of 100 would cost that at each start.
const reconnect = { reconnectInterval: 10, reconnectMaxInterval: 200 };
