/** `npm run report`: writes the results into README.md, between its marks, from records/, weights/ and the registry of models. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../src/errors';
import { currentReport, withResults } from './report/readme';

const root = path.join(__dirname, '..');
const file = path.join(root, 'README.md');
try {
  fs.writeFileSync(file, withResults(fs.readFileSync(file, 'utf8'), currentReport(root)));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
