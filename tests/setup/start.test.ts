/** npm start, with a stand-in for JupyterLab. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { clone, environment, expectProblem, node, place, script, write } from './clone';

/** Writes down how it was started, and answers as JupyterLab does, or does not (MUTE). */
const STAND_IN = `
const args = process.argv.slice(2);
const port = args.find(arg => arg.startsWith('--port=')).slice('--port='.length);
require('node:fs').writeFileSync(process.env.LAB, JSON.stringify({ pid: process.pid, args }));
require('node:http').createServer((_, reply) => (process.env.MUTE ? reply.writeHead(404) : reply).end()).listen(port, '127.0.0.1');
`;

let root: string;
beforeEach(() => {
  root = clone();
  write(join(root, 'notebooks', 'Playground.ipynb'), '{}');
  write(place('lab.js'), STAND_IN);
  const lab = `exec "${process.execPath}" "${place('lab.js')}" "$@"`;
  script(
    join(root, '.venv', 'bin', 'python'),
    `case "$*" in -c*) echo 3.11;; "-m jupyter"*) ${lab};; esac`, // pip succeeds
  );
});

/** How JupyterLab was started. */
const lab = () => JSON.parse(readFileSync(place('lab.json'), 'utf8')) as { pid: number; args: string[] };

/** Runs npm start, or other scripts, until it ends; `heard` is told what it has printed so far. */
function run(
  args: string[],
  env: Record<string, string>,
  heard: (said: string, kill: (signal: NodeJS.Signals) => void) => void,
): Promise<{ status: number | null; said: string }> {
  const child = spawn(process.execPath, args, {
    env: { ...environment(), LAB: place('lab.json'), ...env },
  });
  let said = '';
  const hear = (chunk: Buffer) => {
    said += chunk.toString();
    heard(said, signal => child.kill(signal));
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  return new Promise(resolve => child.once('close', status => resolve({ status, said })));
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends JupyterLab, too', async signal => {
  const args = [join(root, 'scripts', 'start.mjs'), '--no-browser'];
  const { status } = await run(args, {}, (said, kill) => {
    if (said.includes('Ctrl-C ends it')) kill(signal);
  });
  const { pid } = lab();
  const alive = isAlive(pid);
  if (alive) process.kill(pid);
  expect({ status, alive }).toEqual({ status: 0, alive: false });
});

test('settings of the user do not move JupyterLab to another address', async () => {
  const args = [join(root, 'scripts', 'start.mjs'), '--no-browser'];
  await run(args, {}, (said, kill) => {
    if (said.includes('Ctrl-C ends it')) kill('SIGTERM');
  });
  const settings = ['base_url=/', 'certfile=', 'keyfile=', 'client_ca=', 'sock='];
  expect(lab().args).toEqual(expect.arrayContaining(settings.map(setting => `--ServerApp.${setting}`)));
});

test('JupyterLab that does not answer is ended after a while', async () => {
  const module = join(root, 'scripts', 'start', 'jupyterlab.mjs');
  const port = 20_000 + (process.pid % 10_000);
  const options = { root, notebook: 'notebooks/Playground.ipynb', port, browser: false, limit: 1500 };
  write(
    join(root, 'scripts', 'short.mjs'),
    `import { runJupyterLab } from ${JSON.stringify(module)};\nawait runJupyterLab(${JSON.stringify(options)});\n`,
  );
  const { status, said } = await run([join(root, 'scripts', 'short.mjs')], { MUTE: '1' }, () => undefined);
  expect(said).toBe(
    `JupyterLab does not answer at http://127.0.0.1:${port} after 1.5 s: logs/jupyter.log may tell why.\n`,
  );
  expect(status).toBe(1);
  expect(isAlive(lab().pid)).toBe(false);
});

test.each([
  [['--bad'], "start: Unknown option '--bad'."],
  [['--port'], "start: Option '--port <value>' argument missing."],
  [['9000'], "start: Unexpected argument '9000'."],
  [['--port', 'abc'], 'start: --port takes a number from 1 to 65535, not "abc".'],
  [['--port', '70000'], 'start: --port takes a number from 1 to 65535, not "70000".'],
  [['--port', '0'], 'start: --port takes a number from 1 to 65535, not "0".'],
])('npm start -- %j: a sentence and the usage, before any set-up', (args, sentence) => {
  const { status, stdout, problems } = node([join(root, 'scripts', 'start.mjs'), ...args]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(problems.slice(0, 3)).toEqual([sentence, '', 'npm start [-- OPTIONS]']);
  expect(problems.join('\n')).not.toContain('    at ');
  expect(existsSync(join(root, '.venv', 'installed.json'))).toBe(false);
});

test('no free port', async () => {
  const other = createServer();
  await new Promise<void>(resolve =>
    other.once('error', () => resolve()).listen(65_535, '127.0.0.1', resolve),
  );
  try {
    const result = node([join(root, 'scripts', 'start.mjs'), '--port', '65535']);
    expectProblem(result, 'no port from 65535 on is free', '--port');
  } finally {
    other.close();
  }
});
