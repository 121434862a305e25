#!/usr/bin/env node
/** npm start [-- --no-browser] [-- --port N]: set-up, then the Playground in JupyterLab. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ROOT, setUp } from './setup.mjs';
import { SetupError } from './setup/steps.mjs';
import { freePort } from './start/freePort.mjs';
import { runJupyterLab } from './start/jupyterlab.mjs';
import { HELP, readOptions, UsageError } from './start/options.mjs';

const NOTEBOOK = 'notebooks/Playground.ipynb';

const hasDisplay = () =>
  process.platform === 'darwin' ||
  process.platform === 'win32' ||
  Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(HELP);
  const { packages, python } = setUp();
  if (!packages || !python) {
    if (packages)
      console.error('JupyterLab needs Python; the command line works without: npm run -s cifar -- --help');
    process.exitCode = 1;
    return;
  }
  const port = await freePort(options.port);
  await runJupyterLab({ root: ROOT, notebook: NOTEBOOK, port, browser: options.browser && hasDisplay() });
  if (!existsSync(join(ROOT, NOTEBOOK))) console.error(`${NOTEBOOK} is missing.`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`start: ${error.message}.`);
  if (error instanceof UsageError) console.error(`\n${HELP}`);
  process.exitCode = 1;
}
