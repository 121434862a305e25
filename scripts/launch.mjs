#!/usr/bin/env node
/**
 * node scripts/launch.mjs SCRIPT.ts …: runs a script with the settings that a process must have from its start.
 * glibc keeps freed memory instead of giving it back to the system at each training step (docs/performance.md).
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import process from 'node:process';
import { pathToFileURL, URL } from 'node:url';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
// The same settings as the notebooks' kernel has.
const kernel = new URL('../jupyter/kernels/tslab/kernel.json', import.meta.url);
const env = { ...JSON.parse(readFileSync(kernel, 'utf8')).env, ...process.env };
const child = spawn(process.execPath, ['--import', tsx, ...process.argv.slice(2)], {
  env,
  stdio: 'inherit',
});
// A terminal's Ctrl-C reaches the script itself, which ends when it has saved; other signals are handed on.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  if (!signal) process.exit(code);
  console.error(`ended by ${signal}${signal === 'SIGKILL' ? ', perhaps out of memory' : ''}`);
  process.exit(128 + constants.signals[signal]); // as a shell tells it
});
