/** Puts the package together, and packs it as npm would for its registry. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { compileXla } from './compile';
import { npmProgram } from '../setup/npmProgram.mjs';
import { sources } from '../../src/xla/native/build';
import { manifestOf } from './manifest';
import { DOCUMENTS, FILES, NATIVE } from './places';
import { documentOf } from './document';

/**
 * Makes `out`/tfjs-backend-xla (anew) and the archive beside it.
 * @returns both paths
 */
export function buildPackage(root: string, out: string): { folder: string; archive: string } {
  const manifest = manifestOf(root);
  const folder = path.join(out, manifest.name);
  fs.rmSync(folder, { recursive: true, force: true });
  compileXla(path.join(folder, 'lib'));
  for (const file of sources())
    fs.copyFileSync(path.join(root, NATIVE, file), path.join(folder, 'lib', 'native', file));
  const write = (place: string, text: string): void => {
    fs.mkdirSync(path.dirname(path.join(folder, place)), { recursive: true });
    fs.writeFileSync(path.join(folder, place), text);
  };
  const read = (source: string): string => fs.readFileSync(path.join(root, source), 'utf8');
  for (const [source, place] of Object.entries(DOCUMENTS))
    write(place, documentOf(read(source), source, manifest));
  for (const file of FILES) write(file, read(file));
  write('package.json', `${JSON.stringify(manifest, null, 2)}\n`);
  npmPack(folder, out);
  return { folder, archive: path.join(out, `${manifest.name}-${manifest.version}.tgz`) };
}

function npmPack(folder: string, out: string): void {
  const [program, first] = npmProgram();
  const options = ['--pack-destination', out, '--ignore-scripts', '--no-update-notifier', '--loglevel=error'];
  execFileSync(program, [...first, 'pack', folder, ...options], { cwd: folder, stdio: 'pipe' });
}
