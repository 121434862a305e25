/** Puts jupyter/labextension, with plotly.js beside it, where the JupyterLab of a virtual environment finds it. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/**
 * Copies what differs; a second call does nothing.
 * @param {string} [prefix] the environment's folder
 */
export function installLabExtension(prefix = path.join(root, '.venv')) {
  const target = path.join(prefix, 'share', 'jupyter', 'labextensions', 'cifar-plotly');
  const files = {
    [path.join(root, 'jupyter/labextension/package.json')]: 'package.json',
    [path.join(root, 'jupyter/labextension/static/remoteEntry.js')]: 'static/remoteEntry.js',
    [path.join(root, 'node_modules/plotly.js-dist/plotly.js')]: 'static/plotly.js',
  };
  for (const [from, name] of Object.entries(files)) {
    const to = path.join(target, name);
    if (fs.existsSync(to) && fs.readFileSync(to).equals(fs.readFileSync(from))) continue;
    fs.mkdirSync(path.dirname(to), { recursive: true });
    fs.copyFileSync(from, to);
  }
  return target;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(installLabExtension(process.argv[2]));
