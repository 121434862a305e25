import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SuiteEvent, type SuiteOptions } from './events';

const ROOT = join(__dirname, '..', '..');
const TSX = join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs');
const RUNNER = join(__dirname, 'runSuite.ts');

/** How a spec ended. 'crashed': the process died in it; 'hung': it was ended, past its time. */
export type Outcome = 'passed' | 'failed' | 'pending' | 'crashed' | 'hung' | 'excluded';

export interface SpecRecord {
  id: string;
  name: string;
  outcome: Outcome;
  /** The failure, or the reason of an exclusion. */
  message?: string;
  /** Kernels that it ran, in the order of their first call. */
  kernels: string[];
}

export type SuiteRun = Omit<SuiteOptions, 'done' | 'events'> & {
  /** Called after each spec. */
  onSpec?: (record: SpecRecord) => void;
};

/** How long after a spec's own limit its process is ended: jasmine can end an async spec, but not one that blocks. */
const GRACE = 5_000;
/** How long the process may be silent outside specs (it loads the suite, a back end starts). */
const SILENCE = 120_000;
const POLL = 200;

/** The whole lines of a file as events; a process that is killed may leave half of one. */
function readEvents(file: string): SuiteEvent[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map(line => JSON.parse(line) as SuiteEvent);
}

/**
 * Runs a suite on a back end in a process of its own. Where that dies or hangs in a spec, the spec is recorded and another
 * process goes on behind it.
 * @returns a record of every spec that the filter and the share let through, excluded ones too
 * @throws Error when the process doesn't get as far as a spec
 */
export async function superviseSuite({ onSpec, ...options }: SuiteRun): Promise<SpecRecord[]> {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  const records = new Map<string, SpecRecord>();
  const report = (record: SpecRecord) => {
    if (records.has(record.id)) return;
    records.set(record.id, record);
    onSpec?.(record);
  };
  try {
    for (;;) {
      const events = join(folder, 'events');
      writeFileSync(events, '');
      const before = records.size;
      const end = await runOnce({ ...options, done: [...records.keys()], events }, report);
      if (end.finished) return [...records.values()];
      if (records.size === before)
        throw new Error(`The suite doesn't start on ${options.backend}:\n${end.stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface End {
  finished: boolean;
  stderr: string;
}

function runOnce(options: SuiteOptions, report: (record: SpecRecord) => void): Promise<End> {
  const child = spawn(process.execPath, [TSX, RUNNER, JSON.stringify(options)], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true, // a group of its own: tsx starts a process below itself, and both must end
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));

  let read = 0;
  let running: { id: string; name: string; since: number } | undefined;
  let finished = false;
  let heard = Date.now();
  const take = () => {
    const events = readEvents(options.events);
    if (events.length > read) heard = Date.now();
    for (const event of events.slice(read)) {
      if (event.event === 'end') finished = true;
      else if (event.event === 'started') running = { id: event.id, name: event.name, since: Date.now() };
      else if (event.event === 'done') {
        report({
          id: event.id,
          name: running!.name,
          outcome: event.status,
          message: event.message,
          kernels: event.kernels,
        });
        running = undefined;
      } else if (event.event === 'excluded') {
        report({ id: event.id, name: event.name, outcome: 'excluded', message: event.reason, kernels: [] });
      } else {
        report({
          id: `suite ${event.name}`,
          name: event.name,
          outcome: 'failed',
          message: event.message,
          kernels: [],
        });
      }
    }
    read = events.length;
  };
  const timer = setInterval(() => {
    take();
    if (!running && Date.now() - heard > SILENCE) endGroup(child);
    if (!running || Date.now() - running.since < options.timeout + GRACE) return;
    report({
      ...running,
      outcome: 'hung',
      message: `no end after ${options.timeout + GRACE} ms`,
      kernels: [],
    });
    endGroup(child);
  }, POLL);

  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearInterval(timer);
      take();
      if (running) {
        const message = `the process ended with ${signal ?? code}\n${stderr.trim().split('\n').slice(-5).join('\n')}`;
        report({ ...running, outcome: 'crashed', message, kernels: [] });
      }
      resolve({ finished, stderr });
    });
  });
}

function endGroup(child: ChildProcess): void {
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
}
