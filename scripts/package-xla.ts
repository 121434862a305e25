/** `npm run package:xla`: makes the npm package tfjs-backend-xla of src/xla, for programs outside of this repository. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Command } from 'commander';
import { buildPackage } from './package/build';

const root = path.join(__dirname, '..');

const { out } = new Command('package-xla')
  .description('Makes the npm package tfjs-backend-xla of src/xla')
  .option('--out <folder>', 'where the package and its archive are written', path.join(root, 'dist'))
  .parse()
  .opts<{ out: string }>();
const { archive } = buildPackage(root, path.resolve(out));
const kB = (fs.statSync(archive).size / 1000).toFixed(0);
console.log(`${path.relative(process.cwd(), archive)}: ${kB} kB`);
console.log(`In your project: npm install ${archive} @tensorflow/tfjs`);
