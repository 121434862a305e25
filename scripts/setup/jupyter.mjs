import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installLabExtension } from '../lab-extension.mjs';

function writeJson(file, content) {
  const text = `${JSON.stringify(content, undefined, 2)}\n`;
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Registers the kernel and the extension for figures inside .venv; nothing outside of it changes. */
export function registerKernel(root) {
  const share = join(root, '.venv', 'share', 'jupyter');
  const spec = JSON.parse(readFileSync(join(root, 'jupyter', 'kernels', 'tslab', 'kernel.json'), 'utf8'));
  const launch = join(root, 'jupyter', 'kernel', 'launch.cjs');
  const argv = [process.execPath, launch, ...spec.argv.slice(2)];
  writeJson(join(share, 'kernels', 'tslab', 'kernel.json'), { ...spec, argv });
  // JupyterLab works offline: it is not to ask for news and updates.
  writeJson(join(share, 'lab', 'settings', 'overrides.json'), {
    '@jupyterlab/apputils-extension:notification': { checkForUpdates: false, fetchNews: 'false' },
  });
  installLabExtension(join(root, '.venv'));
}
