import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * How npm is started: the program, and its first arguments. npm itself runs the set-up most of the time, and its own program is
 * then known (yarn names its own by the same variable). Windows starts npm.cmd by a shell only: there it is the npm beside Node.js.
 * @returns {[string, string[]]}
 */
export function npmProgram() {
  const beside = join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  const isNpm = file => file && basename(file) === 'npm-cli.js' && existsSync(file);
  const known = [process.env.npm_execpath, beside].find(isNpm);
  return known ? [process.execPath, [known]] : ['npm', []];
}
