import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { npmProgram } from './npmProgram.mjs';
import { runProgram, say, SetupError } from './steps.mjs';

/**
 * Unpacks a published npm package, checked against its pinned hash, without its dependencies and without running its scripts.
 * @param {{name: string, version: string, integrity: string}} pin
 * @param {string} home the folder that becomes the package's; left alone when this very package lies there
 */
export function unpackPinned({ name, version, integrity }, home) {
  const done = join(home, '.unpacked');
  if (existsSync(done) && readFileSync(done, 'utf8') === integrity) {
    say('package', `${name} ${version} is there already`);
    return;
  }
  const folder = dirname(home);
  mkdirSync(folder, { recursive: true });
  const [program, first] = npmProgram();
  const packed = runProgram(
    program,
    [...first, 'pack', `${name}@${version}`, '--json', '--pack-destination', folder],
    { cwd: folder, what: `fetching ${name}` },
  );
  const tarball = join(folder, JSON.parse(packed)[0].filename.replace('@', '').replace('/', '-'));
  const hash = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (hash !== integrity) {
    rmSync(tarball);
    throw new SetupError(
      `${name} ${version} from the registry is not what this project pins (its hash differs): nothing was installed`,
    );
  }
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  runProgram('tar', ['-xzf', tarball, '-C', home, '--strip-components=1'], { what: `unpacking ${name}` });
  rmSync(tarball);
  writeFileSync(done, integrity);
  say('package', `unpacked ${name} ${version}, without its scripts`);
}
