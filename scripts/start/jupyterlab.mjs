import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { pythonOf } from '../setup/python.mjs';

const LOG = 'logs/jupyter.log';
const START_LIMIT = 180_000;
const POLL = 200;

// A user's own settings may say otherwise, and JupyterLab would then not be at the address that is asked and printed.
const PLAIN_ADDRESS = ['base_url=/', 'certfile=', 'keyfile=', 'client_ca=', 'sock=', 'port_retries=0'];

function launch({ root, notebook, port, browser, token }) {
  const args = ['-m', 'jupyter', 'lab', notebook, `--ServerApp.root_dir=${root}`, `--port=${port}`];
  args.push(...PLAIN_ADDRESS.map(setting => `--ServerApp.${setting}`), `--IdentityProvider.token=${token}`);
  if (!browser) args.push('--no-browser');
  if (process.getuid?.() === 0) args.push('--allow-root');
  // A group of its own: Ctrl-C then asks this program alone, and JupyterLab is ended with its kernels.
  const server = spawn(pythonOf(join(root, '.venv')), args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  });
  mkdirSync(join(root, 'logs'), { recursive: true });
  const log = createWriteStream(join(root, LOG));
  server.stdout.pipe(log, { end: false });
  server.stderr.pipe(log, { end: false });
  return server;
}

async function answers(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}

async function answersWithin(limit, url) {
  const end = Date.now() + limit;
  while (!(await answers(url))) {
    if (Date.now() > end) return false;
    await sleep(POLL);
  }
  return true;
}

/**
 * Starts JupyterLab with a notebook, and says where it is. This process then ends with it; Ctrl-C, SIGTERM and a closed terminal
 * end both.
 * @param {{root: string, notebook: string, port: number, browser: boolean, limit?: number}} options `limit`: milliseconds that
 *   JupyterLab may take until it answers
 */
export async function runJupyterLab({ root, notebook, port, browser, limit = START_LIMIT }) {
  const token = randomBytes(24).toString('hex');
  const server = launch({ root, notebook, port, browser, token });
  const stop = () => server.kill('SIGTERM');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  server.on('exit', code => {
    if (code) console.error(`JupyterLab ended with ${code}: see ${LOG}.`);
    process.exit(code || process.exitCode);
  });
  const address = `http://127.0.0.1:${port}`;
  if (await answersWithin(limit, `${address}/api/status?token=${token}`)) {
    const opens = browser ? 'The Playground opens in your browser' : 'Open the Playground';
    console.log(`${opens}: ${address}/lab/tree/${notebook}?token=${token}`);
    console.log('Ctrl-C ends it.');
  } else {
    console.error(`JupyterLab does not answer at ${address} after ${limit / 1000} s: ${LOG} may tell why.`);
    process.exitCode = 1;
    stop();
  }
}
