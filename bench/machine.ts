/** What a record says of the machine that it was measured on. */
import * as os from 'os';

export interface Machine {
  readonly cpu: string | undefined;
  readonly cores: number;
  readonly memoryGB: number;
  /** Processes that wanted to run, averaged over the last minute: what the measurement itself did counts. */
  readonly load: number;
}

export const machine = (): Machine => ({
  cpu: os.cpus()[0]?.model,
  cores: os.cpus().length,
  memoryGB: Math.round(os.totalmem() / 2 ** 30),
  load: os.loadavg()[0],
});
