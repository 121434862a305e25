/** What a whole speedrun leaves behind: records/speedrun/NAME.json, from which README and the notebook have their numbers. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { replaceFile } from '../../atomicFile';
import { UserError } from '../../errors';
import { type SpeedrunResult } from './speedrun';

export interface SpeedrunRecord extends Omit<SpeedrunResult, 'viewsSeconds'> {
  name: string;
  /** Runs of before it was measured have none. */
  viewsSeconds?: number;
  /** Git commit of the code; with '+' when files were changed. */
  commit: string;
  /** Where it ran, in words. */
  device: string;
  /** ISO 8601. */
  date: string;
}

/** Writes NAME.json into the folder, whole or not at all. */
export function writeSpeedrun(folder: string, record: SpeedrunRecord): void {
  replaceFile(path.join(folder, `${record.name}.json`), `${JSON.stringify(record, null, 1)}\n`);
}

/**
 * The speedruns of a folder, by name; none where there is no folder.
 * @throws UserError naming a file that is none
 */
export function readSpeedruns(folder: string): SpeedrunRecord[] {
  if (!fs.existsSync(folder)) return [];
  const files = fs.readdirSync(folder).filter(file => file.endsWith('.json'));
  return files.sort().map(file => readSpeedrun(path.join(folder, file)));
}

function readSpeedrun(file: string): SpeedrunRecord {
  try {
    const record = JSON.parse(fs.readFileSync(file, 'utf8')) as SpeedrunRecord | null;
    if (record && [record.testError, record.trainSeconds, record.compileSeconds].every(Number.isFinite))
      return record;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new UserError(
    `${file} is not the record of a speedrun. Get the file back from git, or run the speedrun again (npm run speedrun -- --name …).`,
  );
}
