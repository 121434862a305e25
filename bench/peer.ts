/** A process that does training steps when asked: ours, or a framework's. */
import { type ChildProcess, spawn } from 'child_process';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import * as readline from 'readline';

/** Of ours: the usual step; with the input pipeline; as one program however long; cut at its boundaries however short. */
export type Variant = 'plain' | 'input' | 'whole' | 'cut';

/** What a peer says once its step is compiled. */
export interface Ready {
  readonly version: string;
  readonly device: string;
  /** Seconds from the start of the model to the end of the first step. */
  readonly compileSeconds: number;
}

export interface Round {
  /** Milliseconds of each step. */
  readonly ms: number[];
  /** Processor time of a step, all threads together, milliseconds: less disturbed by other programs than the clock. */
  readonly cpuMs: number;
  /** Most resident memory so far. */
  readonly peakMB: number;
}

export class Peer {
  private readonly lines: AsyncIterator<string>;
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown>;
  private readonly temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'bench-'));
  private errors = '';

  constructor(
    readonly name: string,
    command: readonly string[],
  ) {
    // XLA_CACHE=off: compile times are those of a first start. TensorFlow removes its temporary files at its end, which a kill spares it.
    const env = { ...process.env, XLA_CACHE: 'off', TMPDIR: this.temporary };
    this.child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.closed = new Promise(resolve => this.child.once('close', resolve));
    this.child.on('error', error => (this.errors += error.message));
    this.child.stdin!.on('error', () => undefined);
    this.child.stderr!.on('data', data => (this.errors = (this.errors + String(data)).slice(-4000)));
    this.lines = readline.createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** @throws Error with the last line of stderr when the peer ended */
  private async message<T>(): Promise<T> {
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) {
        throw new Error(this.errors.trim().split('\n').pop() || 'ended without a word');
      }
      if (value.startsWith('{')) return JSON.parse(value) as T;
    }
  }

  ready(): Promise<Ready> {
    return this.message<Ready>();
  }

  run(steps: number): Promise<Round> {
    this.child.stdin!.write(`${steps}\n`);
    return this.message<Round>();
  }

  /** Ends the process and removes its temporary files. */
  async stop(): Promise<void> {
    this.child.kill();
    await this.closed;
    fs.rmSync(this.temporary, { recursive: true, force: true });
  }
}
