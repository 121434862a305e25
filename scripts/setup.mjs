#!/usr/bin/env node
/** npm run setup: installs what is missing for npm start and npm test. A second run does nothing, in a second or two. */
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, URL } from 'node:url';
import './setup/oldestNode.cjs';
import { installPackages } from './setup/npm.mjs';
import { oneAtATime } from './setup/oneAtATime.mjs';
import { installPython } from './setup/python.mjs';
import { registerKernel } from './setup/jupyter.mjs';
import { SetupError } from './setup/steps.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const say = line => console.log(line);

/**
 * Sets up the npm packages, then .venv. What fails is told in one line each, with the mend.
 * @returns {{packages: boolean, python: boolean}} what is usable; without `python` there is no JupyterLab and no XLA
 */
export function setUp(root = ROOT) {
  const usable = { packages: false, python: false };
  const install = () => {
    usable.packages = attempt(() => installPackages(root, say));
    usable.python = usable.packages && attempt(() => setUpPython(root));
  };
  attempt(() => oneAtATime(join(root, '.cache', 'setup.lock'), say, install));
  return usable;
}

function setUpPython(root) {
  const warning = installPython(root, say);
  registerKernel(root);
  if (warning) console.error(`set-up: ${warning}.`);
}

function attempt(what) {
  try {
    what();
    return true;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`set-up: ${error.message}.`);
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { packages, python } = setUp();
  if (packages && python) say('set-up: everything is there.');
  else process.exitCode = 1;
}
