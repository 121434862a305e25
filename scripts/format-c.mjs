#!/usr/bin/env node
/** node scripts/format-c.mjs [--check]: formats the C sources by .venv's clang-format, or fails where one is not formatted. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'src', 'xla', 'native');

const programs =
  process.platform === 'win32' ? join('Scripts', 'clang-format.exe') : join('bin', 'clang-format');
const sources = readdirSync(FOLDER).filter(name => /\.[ch]$/.test(name));
const how = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { status, error } = spawnSync(join(ROOT, '.venv', programs), [...how, ...sources], {
  cwd: FOLDER,
  stdio: 'inherit',
});
if (error) console.error(`clang-format did not start (${error.message}): npm run setup installs it.`);
process.exitCode = status ?? 1;
