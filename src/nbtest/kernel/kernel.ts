import { NbtestError } from '../errors';
import { isObject, type JsonObject } from '../json';
import { Channels } from '../protocol/channels';
import { type Channel, type Message } from '../protocol/wire';
import { type KernelSpec } from './kernelspec';
import { type Exit, KernelProcess, exitInWords } from './process';

export interface StartOptions {
  /** Working folder; a spec's own folder wins. */
  cwd: string;
  /** Milliseconds until the kernel must have answered. */
  startTimeout: number;
  env?: NodeJS.ProcessEnv;
}

/** The kernel's answer to kernel_info_request. */
export interface KernelInfo {
  implementation: string;
  languageInfo: JsonObject;
}

export interface ExecuteRequest {
  /** Called for each IOPub message of this request, also those that come after it is done. */
  onOutput(message: Message): void;
  /** Called when the code asks for keyboard input. */
  onInput(prompt: string): void;
  /** Called when a message of the kernel's cannot be read, also one that came since the last request. */
  onUnreadable(error: NbtestError): void;
  stopOnError?: boolean;
}

interface Pending {
  onOutput?(message: Message): void;
  onInput?(prompt: string): void;
  onUnreadable?(error: NbtestError): void;
  onReply?(content: JsonObject): void;
  onIdle?(): void;
}

/** Milliseconds that outputs may lag behind the reply before we ask the kernel whether there are any. */
const iopubLag = 3000;

/** A started kernel: executes code, can be interrupted, and is gone after `shutdown`, or soon after `kill`. */
export class Kernel {
  private readonly channels: Channels;
  private readonly pending = new Map<string, Pending>();
  private info?: KernelInfo;
  /** About a message that came while nothing ran. */
  private unreadable?: NbtestError;
  private ended = false;
  /** Rejects with NbtestError 'died' when the process ends by itself. Never resolves. */
  private readonly dead: Promise<never>;

  private constructor(
    readonly spec: KernelSpec,
    private readonly process: KernelProcess,
  ) {
    this.channels = new Channels(process.connection, {
      onMessage: (channel, message) => this.receive(channel, message),
      onUnreadable: (channel, reason) => this.miss(channel, reason),
    });
    this.dead = process.exited.then(exit => {
      throw this.deathOf(exit);
    });
    this.dead.catch(() => undefined);
  }

  /**
   * Launches a kernel and waits until it answers on shell and IOPub. Throws NbtestError 'start' with what the
   * process printed; nothing is left running then.
   */
  static async start(spec: KernelSpec, options: StartOptions): Promise<Kernel> {
    const cwd = spec.cwd ?? options.cwd;
    const env = options.env ?? process.env;
    for (let attempt = 1; ; attempt++) {
      const kernel = new Kernel(spec, await KernelProcess.launch(spec, cwd, env));
      try {
        await kernel.handshake(options.startTimeout);
        return kernel;
      } catch (error) {
        // Between our choice of free ports and the kernel's use of them another program can take one.
        const portTaken = /EADDRINUSE|address already in use/i.test(kernel.process.lastWords);
        kernel.kill();
        if (!portTaken || attempt === 3) throw error;
      }
    }
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  get kernelInfo(): KernelInfo {
    return this.info ?? { implementation: '', languageInfo: {} };
  }

  /**
   * Runs code. Resolves with the content of execute_reply, once the kernel has said that all output is sent too; rejects with
   * NbtestError 'died' when its process ends.
   */
  execute(code: string, request: ExecuteRequest): Promise<JsonObject> {
    const content = {
      code,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: request.stopOnError ?? true,
    };
    const header = this.channels.send('shell', 'execute_request', content);
    const { onOutput, onInput, onUnreadable } = request;
    const entry: Pending = { onOutput, onInput, onUnreadable };
    this.pending.set(header.msg_id, entry);
    if (this.unreadable) onUnreadable(this.unreadable);
    this.unreadable = undefined;
    const reply = new Promise<JsonObject>(resolve => (entry.onReply = resolve));
    const idle = new Promise<void>(resolve => (entry.onIdle = resolve));
    const done = this.orDead(reply.then(content => this.settle(idle).then(() => content)));
    const ended = (): void => void (entry.onUnreadable = undefined);
    done.then(ended, ended);
    return done;
  }

  /**
   * Resolves when every output published so far has been received: asks for kernel_info and waits for the status that
   * follows them on the IOPub socket. False if none came within `timeout` ms.
   */
  async flush(timeout: number): Promise<boolean> {
    const header = this.channels.send('shell', 'kernel_info_request', {});
    const idle = new Promise<void>(resolve => this.pending.set(header.msg_id, { onIdle: resolve }));
    const flushed = await within(timeout, this.orDead(idle)).catch(() => false);
    this.pending.delete(header.msg_id);
    return flushed !== false;
  }

  /** Asks the kernel to stop the running code, by the spec's interrupt mode. */
  interrupt(): void {
    if (this.spec.interruptMode === 'message') this.channels.send('control', 'interrupt_request', {});
    else this.process.signal('SIGINT');
  }

  /** True if the heartbeat answers within `timeout` ms: the process lives, though its code may not come to an end. */
  heartbeat(timeout: number): Promise<boolean> {
    return this.channels.heartbeat(timeout);
  }

  /** Ends the kernel: by request, then SIGTERM, then SIGKILL to its whole process group; resolves when all are gone. */
  async shutdown(grace = 2000): Promise<void> {
    if (this.ended) return this.process.gone();
    this.ended = true;
    if (!this.process.exit) {
      this.channels.send('control', 'shutdown_request', { restart: false });
      if ((await within(grace, this.process.exited)) === false) {
        this.process.signal('SIGTERM');
        await within(1000, this.process.exited);
      }
    }
    this.release();
    await this.process.gone();
  }

  /** Ends the kernel now. */
  kill(): void {
    if (this.ended) return;
    this.ended = true;
    this.release();
  }

  private release(): void {
    this.process.kill();
    this.channels.close();
    this.pending.clear();
  }

  private async handshake(timeout: number): Promise<void> {
    const state: Pending = {};
    const replied = new Promise<void>(resolve => {
      state.onReply = content => {
        const languageInfo = isObject(content.language_info) ? content.language_info : {};
        this.info = { implementation: String(content.implementation ?? ''), languageInfo };
        resolve();
      };
    });
    const published = new Promise<void>(resolve => (state.onIdle = resolve));
    const asked: string[] = [];
    const ask = (): void => {
      const { msg_id: id } = this.channels.send('shell', 'kernel_info_request', {});
      this.pending.set(id, state);
      asked.push(id);
    };
    const deadline = Date.now() + timeout;
    ask(); // one request is enough for the reply: it waits in our socket until the kernel binds its own
    if (!(await this.answered(replied, timeout))) throw this.silent(timeout);
    // IOPub subscriptions take effect some time after connecting, so ask again until that socket has answered too.
    do {
      if (Date.now() >= deadline) throw this.silent(timeout);
      ask();
    } while (!(await this.answered(published, Math.min(100, deadline - Date.now()))));
    for (const id of asked) this.pending.delete(id);
  }

  /** Whether the answer comes within `ms` milliseconds. Throws NbtestError 'start' when the kernel ends instead. */
  private async answered(answer: Promise<void>, ms: number): Promise<boolean> {
    const outcome = await within(ms, Promise.race([answer, this.process.exited]));
    if (this.process.exit) {
      const how = exitInWords(this.process.exit);
      throw new NbtestError('start', `${this.inWords()} ended before it was ready: ${how}.${this.words()}`);
    }
    return outcome !== false;
  }

  private silent(timeout: number): NbtestError {
    const rejected = this.channels.rejected > 0 ? ' (its messages carry a wrong signature)' : '';
    const answer = `no answer within ${timeout / 1000} s${rejected}`;
    const unreadable = this.unreadable ? ` ${this.unreadable.message}.` : '';
    return new NbtestError(
      'start',
      `${this.inWords()} did not start: ${answer}.${unreadable}${this.words()}`,
    );
  }

  private inWords(): string {
    return `The kernel "${this.spec.name}" (${this.spec.argv.join(' ')})`;
  }

  // Outputs come on another socket than the reply. A kernel that publishes faster than we read may have dropped the
  // closing 'idle'; then a later request's status shows that nothing more will come.
  private async settle(idle: Promise<void>): Promise<void> {
    while ((await within(iopubLag, idle)) === false && !this.ended) {
      if (await this.flush(iopubLag)) return;
    }
  }

  private receive(channel: Channel, message: Message): void {
    const entry = this.pending.get(message.parent.msg_id ?? '');
    if (!entry) return;
    const { header, content } = message;
    if (channel === 'iopub') {
      if (header.msg_type === 'status') {
        if (content.execution_state === 'idle') entry.onIdle?.();
      } else {
        entry.onOutput?.(message);
      }
    } else if (channel === 'stdin' && header.msg_type === 'input_request') {
      const refusal = {
        status: 'error',
        ename: 'StdinNotImplementedError',
        evalue: 'no keyboard',
        value: '',
      };
      this.channels.send('stdin', 'input_reply', refusal, header);
      entry.onInput?.(String(content.prompt ?? ''));
    } else if (channel === 'shell' && header.msg_type.endsWith('_reply')) {
      entry.onReply?.(content);
    }
  }

  // Whose message it was can no longer be told: whatever runs now, or else what runs next, must not pass without it.
  private miss(channel: Channel, reason: string): void {
    const what = `The kernel sent a message on its ${channel} socket that cannot be read (${reason})`;
    const mend = 'let the cell put out plainer data, or update the kernel';
    const error = new NbtestError('protocol', `${what}, and what it held is lost: ${mend}`);
    const running = [...this.pending.values()].filter(entry => entry.onUnreadable);
    if (running.length === 0) this.unreadable ??= error;
    for (const entry of running) entry.onUnreadable?.(error);
  }

  private deathOf(exit: Exit): NbtestError {
    return new NbtestError('died', `the kernel died (${exitInWords(exit)}).${this.words()}`);
  }

  private words(): string {
    const words = this.process.lastWords;
    return words ? ` It printed:\n${words}` : '';
  }

  // The last outputs of a dying kernel may still be on their way.
  private async orDead<T>(promise: Promise<T>): Promise<T> {
    const late = this.dead.catch(async error => {
      await new Promise(done => setTimeout(done, 100));
      throw error;
    });
    return Promise.race([promise, late]) as Promise<T>;
  }
}

/** The promise's value, or false after `ms` milliseconds. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | false> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>(
    resolve => (timer = setTimeout(() => resolve(false), Math.min(ms, 2 ** 31 - 1))),
  );
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
