import * as fs from 'node:fs';
import * as path from 'node:path';
import { UserError } from '../../src/errors';
import { MODELS } from '../../src/models';
import { readRecords } from '../../src/train/record';
import { readSpeedruns } from '../../src/train/speedrun';
import { PRETRAINED_FOLDER, readArrays } from '../../src/weights';
import { report } from './tables';

const BEGIN = '<!-- results -->';
const END = '<!-- /results -->';

/** The tables as the project's records, weights and registry now have them. */
export function currentReport(root: string): string {
  const weights = path.join(root, PRETRAINED_FOLDER);
  const files = fs.existsSync(weights) ? fs.readdirSync(weights) : [];
  const shipped = new Map(
    files.map(name => {
      const { run, testError } = readArrays(path.join(weights, name)).metadata;
      return [path.basename(name, '.safetensors'), { run, testError: Number(testError) }];
    }),
  );
  const records = path.join(root, 'records');
  return report({
    models: MODELS,
    records: readRecords(records),
    speedruns: readSpeedruns(path.join(records, 'speedrun')),
    shipped,
  });
}

/**
 * A README with the text between its marks replaced.
 * @throws UserError when it has no marks
 */
export function withResults(readme: string, results: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new UserError(`README.md has no lines ${BEGIN} and ${END}: put them where the results belong.`);
  return `${readme.slice(0, begin + BEGIN.length)}\n\n${results}\n\n${readme.slice(end)}`;
}
