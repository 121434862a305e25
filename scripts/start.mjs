#!/usr/bin/env node
/** npm start [-- --no-browser] [-- --port N]: set-up, then the Playground in JupyterLab. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { pythonOf } from './setup/python.mjs';
import { ROOT, setUp } from './setup.mjs';

const NOTEBOOK = 'notebooks/Playground.ipynb';

/** The first free port from `port` on. */
function freePort(port) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', error =>
      error.code === 'EADDRINUSE' ? resolve(freePort(port + 1)) : reject(error),
    );
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)));
  });
}

const hasDisplay = () =>
  process.platform === 'darwin' ||
  process.platform === 'win32' ||
  Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

async function main() {
  const { values } = parseArgs({ options: { 'no-browser': { type: 'boolean' }, port: { type: 'string' } } });
  const { packages, python } = setUp();
  if (!packages || !python) {
    if (packages)
      console.error('JupyterLab needs Python; the command line works without: npm run -s cifar -- --help');
    process.exitCode = 1;
    return;
  }
  const port = await freePort(Number(values.port ?? 8888));
  const token = randomBytes(24).toString('hex');
  const browser = !values['no-browser'] && hasDisplay();
  mkdirSync(join(ROOT, 'logs'), { recursive: true });
  const log = join(ROOT, 'logs', 'jupyter.log');
  const args = ['-m', 'jupyter', 'lab', NOTEBOOK, `--ServerApp.root_dir=${ROOT}`, `--port=${port}`];
  args.push('--ServerApp.port_retries=0', `--IdentityProvider.token=${token}`);
  if (!browser) args.push('--no-browser');
  if (process.getuid?.() === 0) args.push('--allow-root');
  // A group of its own: Ctrl-C then asks this program alone, and JupyterLab is ended with its kernels.
  const server = spawn(pythonOf(join(ROOT, '.venv')), args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: process.platform !== 'win32',
  });
  const out = createWriteStream(log);
  server.stdout.pipe(out, { end: false });
  server.stderr.pipe(out, { end: false });
  const stop = () => server.kill('SIGTERM');
  process.on('SIGINT', stop).on('SIGTERM', stop);
  server.on('exit', code => {
    if (code) console.error(`JupyterLab ended with ${code}: see logs/jupyter.log.`);
    process.exit(code ?? 0);
  });
  const base = `http://127.0.0.1:${port}`;
  while (!(await answers(`${base}/api/status?token=${token}`)))
    await new Promise(done => setTimeout(done, 200));
  console.log(
    `${browser ? 'The Playground opens in your browser' : 'Open the Playground'}: ${base}/lab/tree/${NOTEBOOK}?token=${token}`,
  );
  console.log('Ctrl-C ends it.');
  if (!existsSync(join(ROOT, NOTEBOOK))) console.error(`${NOTEBOOK} is missing.`);
}

await main();
