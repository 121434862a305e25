import { parseArgs } from 'node:util';
import { SetupError } from '../setup/steps.mjs';

export const HELP = `npm start [-- OPTIONS]

Sets up what is missing, then opens the Playground in JupyterLab.

  --no-browser   prints the address only
  --port N       its port, or the first free one after it (default: 8888)
  --help         this text`;

/** A command line that makes no sense: the sentence is followed by HELP. */
export class UsageError extends SetupError {}

function parse(args) {
  const options = { 'no-browser': { type: 'boolean' }, port: { type: 'string' }, help: { type: 'boolean' } };
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    // The sentences after the first are about other programs' options.
    throw new UsageError(error.message.split(/\.?\n|\. /)[0]);
  }
}

/**
 * @param {string[]} args
 * @returns {{browser: boolean, port: number, help: boolean}}
 */
export function readOptions(args) {
  const { 'no-browser': noBrowser = false, port = '8888', help = false } = parse(args);
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65535)
    throw new UsageError(`--port takes a number from 1 to 65535, not "${port}"`);
  return { browser: !noBrowser, port: Number(port), help };
}
