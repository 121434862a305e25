import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionInfo } from '../protocol/channels';
import { type KernelSpec } from './kernelspec';

const posix = process.platform !== 'win32';
/** Marks everything that a kernel starts, also what left its process group. */
const markerVariable = 'NBTEST_KERNEL';

/** How a kernel's process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  error?: string;
}

/**
 * A kernel's operating-system process in a process group of its own. However this process ends (also by SIGKILL),
 * the group ends with it.
 */
export class KernelProcess {
  readonly exited: Promise<Exit>;
  exit?: Exit;
  private output = '';
  private readonly child: ChildProcess;
  private readonly guard?: ChildProcess;
  private readonly marker = randomBytes(12).toString('hex');

  private constructor(
    spec: KernelSpec,
    readonly connection: ConnectionInfo,
    private readonly folder: string,
    cwd: string,
    env: NodeJS.ProcessEnv,
  ) {
    const file = join(folder, 'connection.json');
    writeFileSync(file, JSON.stringify(connection, null, 1), { mode: 0o600 });
    const fill = (text: string): string =>
      text.replaceAll('{connection_file}', file).replaceAll('{resource_dir}', spec.folder);
    const [command, ...args] = spec.argv.map(fill);
    const own = Object.entries(spec.env).map(([key, value]) => [key, expand(String(value), env)]);
    this.child = spawn(command, args, {
      cwd,
      env: {
        ...env,
        ...Object.fromEntries(own),
        [markerVariable]: this.marker,
        JPY_PARENT_PID: String(process.pid),
      },
      detached: posix,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (data: Buffer) => (this.output = (this.output + data.toString()).slice(-8000)));
    }
    this.exited = new Promise(done => {
      this.child.once('error', error => done({ code: null, signal: null, error: error.message }));
      this.child.once('exit', (code, signal) => done({ code, signal }));
    });
    void this.exited.then(exit => (this.exit = exit));
    this.guard = this.child.pid && posix ? startGuard(this.child.pid, this.marker, folder) : undefined;
    running.add(this);
    watchOurEnd();
  }

  /** Starts the kernel with a fresh connection file on free ports of the loopback interface. */
  static async launch(spec: KernelSpec, cwd: string, env: NodeJS.ProcessEnv): Promise<KernelProcess> {
    const ports = await freePorts(5);
    const connection: ConnectionInfo = {
      transport: 'tcp',
      ip: '127.0.0.1',
      shell_port: ports[0],
      iopub_port: ports[1],
      stdin_port: ports[2],
      control_port: ports[3],
      hb_port: ports[4],
      key: randomBytes(32).toString('hex'),
      signature_scheme: 'hmac-sha256',
      kernel_name: spec.name,
    };
    return new KernelProcess(spec, connection, mkdtempSync(join(tmpdir(), 'nbtest-')), cwd, env);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** The end of what the process itself printed (not what cells print, which comes by the protocol). */
  get lastWords(): string {
    return this.output.trim();
  }

  /** Sends a signal to the process group. */
  signal(signal: NodeJS.Signals): void {
    const pid = this.child.pid;
    if (pid === undefined) return;
    try {
      if (posix) process.kill(-pid, signal);
      else this.child.kill(signal);
    } catch {
      // Already gone.
    }
  }

  /** Kills the group and whatever the kernel started outside it, and removes the connection file. */
  kill(): void {
    this.signal('SIGKILL');
    for (const pid of markedProcesses(this.marker)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Already gone.
      }
    }
    this.guard?.stdin?.end('done\n');
    this.child.stdout?.destroy();
    this.child.stderr?.destroy();
    rmSync(this.folder, { recursive: true, force: true });
    running.delete(this);
  }

  /** Resolves when all that was killed has ended, which the system does in its own time; after `limit` ms at the latest. */
  async gone(limit = 2000): Promise<void> {
    const deadline = Date.now() + limit;
    while (markedProcesses(this.marker).length > 0 && Date.now() < deadline) await sleep(10);
  }
}

/** A process's end in words: 'exit code 1', 'signal SIGSEGV'. */
export function exitInWords(exit: Exit): string {
  if (exit.error) return exit.error;
  if (exit.signal === 'SIGKILL') return 'signal SIGKILL, perhaps because the machine ran out of memory';
  return exit.signal ? `signal ${exit.signal}` : `exit code ${exit.code}`;
}

const running = new Set<KernelProcess>();
let watching = false;

// A signal that ends this process needs no handler here: the guards see it.
function watchOurEnd(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const kernel of running) kernel.kill();
  });
}

const guardScript = `
if read -r word; then exit 0; fi
kill -9 -"$1"
for process in /proc/[0-9]*; do
  if grep -qs "$2" "$process/environ"; then kill -9 "\${process#/proc/}"; fi
done
rm -rf "$3"`;

// A shell that waits on a pipe from us: the pipe closes when we are gone, however that happened.
function startGuard(group: number, marker: string, folder: string): ChildProcess {
  const args = ['-c', guardScript, 'nbtest-guard', String(group), `${markerVariable}=${marker}`, folder];
  const guard = spawn('/bin/sh', args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guard.on('error', () => undefined);
  guard.stdin.on('error', () => undefined);
  guard.unref();
  (guard.stdin as unknown as { unref?: () => void }).unref?.();
  return guard;
}

// Linux only: elsewhere the process group must do.
function markedProcesses(marker: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap(name => {
    if (!/^[0-9]+$/.test(name) || Number(name) === process.pid) return [];
    try {
      return readFileSync(`/proc/${name}/environ`, 'latin1').includes(`${markerVariable}=${marker}`)
        ? [Number(name)]
        : [];
    } catch {
      return [];
    }
  });
}

function expand(text: string, env: NodeJS.ProcessEnv): string {
  return text.replace(/\$\{(\w+)\}/g, (whole, name: string) => env[name] ?? whole);
}

async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const server = createServer();
      servers.push(server);
      await new Promise<void>((done, fail) => {
        server.once('error', fail);
        server.listen(0, '127.0.0.1', done);
      });
    }
    return servers.map(server => (server.address() as { port: number }).port);
  } finally {
    await Promise.all(servers.map(server => new Promise(done => server.close(done))));
  }
}
