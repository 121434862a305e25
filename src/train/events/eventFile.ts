import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { UserError } from '../../errors';
import {
  type EncodedImage,
  imageEvent,
  restartEvent,
  scalarsEvent,
  textEvent,
  versionEvent,
} from './messages';
import { frame } from './tfrecord';

/**
 * Writes one of TensorBoard's event files. A run that goes on gets a file of its own beside the older ones, which TensorBoard
 * reads as one run; an older file's broken-off last record is passed over.
 */
export class EventFile {
  readonly path: string;
  private readonly descriptor: number;

  /**
   * @param folder is made if need be
   * @param restartAt the first step that is written again: what older files in the folder hold from there on is no longer shown
   * @throws UserError when the folder or the file can't be made
   */
  constructor(folder: string, restartAt: number) {
    try {
      fs.mkdirSync(folder, { recursive: true });
      [this.path, this.descriptor] = createNew(folder);
    } catch (error) {
      throw new UserError(`No event file can be written in '${folder}': ${(error as Error).message}.`);
    }
    this.write(versionEvent(now()));
    this.write(restartEvent(now(), restartAt));
  }

  /** @param values one number a tag ('train/error_rate') */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    this.write(scalarsEvent(now(), step, values));
  }

  text(step: number, tag: string, markdown: string): void {
    this.write(textEvent(now(), step, tag, markdown));
  }

  image(step: number, tag: string, image: EncodedImage): void {
    this.write(imageEvent(now(), step, tag, image));
  }

  close(): void {
    fs.closeSync(this.descriptor);
  }

  private write(event: Buffer): void {
    fs.writeSync(this.descriptor, frame(event));
  }
}

/** Seconds since 1970. */
const now = (): number => Date.now() / 1000;

/** TensorBoard orders a run's files by name, which begins with the time; the count keeps two of one second apart. */
function createNew(folder: string): [path: string, descriptor: number] {
  const stem = `events.out.tfevents.${Math.floor(now())}.${os.hostname()}.${process.pid}`;
  for (let count = 0; ; count++) {
    const file = path.join(folder, `${stem}.${count}`);
    try {
      return [file, fs.openSync(file, 'ax')];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}
