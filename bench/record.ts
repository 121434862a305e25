/** Records of what was measured: a file each in bench/results. */
import * as os from 'os';
import * as path from 'path';
import { replaceFile } from '../src/atomicFile';

/** What a record says of the machine that it was measured on. */
const machine = () => ({
  cpu: os.cpus()[0]?.model,
  cores: os.cpus().length,
  memoryGB: Math.round(os.totalmem() / 2 ** 30),
  /** Processes that wanted to run, averaged over the last minute: what the measurement itself did counts. */
  load: os.loadavg()[0],
});

/** Writes bench/results/`name`.json: when and where, then what was measured. */
export function saveRecord(name: string, measured: object): void {
  const record = {
    ...{ date: new Date().toISOString(), node: process.version, machine: machine() },
    ...measured,
  };
  replaceFile(path.join(__dirname, 'results', `${name}.json`), `${JSON.stringify(record, undefined, 2)}\n`);
}
