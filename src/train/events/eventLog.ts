import { type Split } from '../../data';
import { type FullOptions, type Progress, type Validation } from '../options';
import { EventFile } from './eventFile';
import { augmentedSamples } from './samples';

/**
 * What a run tells TensorBoard, under the tags of the Python project that this one re-creates: `train/error_rate` and
 * `test/error_rate` in percent, losses, learning rate, images a second.
 *
 * A log is no reason to lose a run: when the file can't be written (a full disk), the person is warned once and the run goes on.
 */
export class EventLog {
  private file: EventFile | undefined;

  /**
   * @param folder TensorBoard's "run"
   * @param resumedAt steps done before this part of the run began
   * @throws UserError when no file can be made in the folder
   */
  constructor(
    folder: string,
    resumedAt: number,
    private readonly onWarning: (message: string) => void,
  ) {
    this.file = new EventFile(folder, resumedAt + 1);
  }

  /**
   * The log that a run's options ask for, begun with its configuration and a picture of what the network is shown.
   * @throws UserError when no file can be made in the folder
   */
  static async open(options: FullOptions, train: Split, resumedAt: number): Promise<EventLog | undefined> {
    if (options.logDir === undefined) return undefined;
    const log = new EventLog(options.logDir, resumedAt, options.onWarning);
    if (resumedAt > 0) return log;
    if (options.description) log.text('description', options.description);
    log.text('options', plainOptions(options));
    if (options.augment) await log.samples(train, options.seed);
    return log;
  }

  progress({ step, error, ...p }: Progress): void {
    this.attempt(file =>
      file.scalars(step, {
        'train/error_rate': error,
        'train/classification_loss': p.classificationLoss,
        'train/regularization_loss': p.regularizationLoss,
        'train/learning_rate': p.learningRate,
        'train/images_per_second': p.imagesPerSecond,
      }),
    );
  }

  validation({ step, error, loss }: Validation): void {
    this.attempt(file => file.scalars(step, { 'test/error_rate': error, 'test/classification_loss': loss }));
  }

  /** @param markdown a run's configuration, say */
  text(tag: string, markdown: string): void {
    this.attempt(file => file.text(0, tag, markdown));
  }

  /** The first images of the run as the network sees them. */
  async samples(split: Split, seed: number): Promise<void> {
    const picture = await augmentedSamples(split, seed);
    this.attempt(file => file.image(0, 'train/augmented_samples', picture));
  }

  close(): void {
    this.attempt(file => file.close());
    this.file = undefined;
  }

  private attempt(write: (file: EventFile) => void): void {
    if (!this.file) return;
    try {
      write(this.file);
    } catch (error) {
      this.onWarning(`The log ${this.file.path} ends here: ${(error as Error).message}.`);
      this.file = undefined;
    }
  }
}

/** The options that are plain data, as a Markdown block. */
function plainOptions(options: FullOptions): string {
  const left = new Set(['description', 'validation', 'signal']);
  const plain = Object.fromEntries(Object.entries(options).filter(([name]) => !left.has(name)));
  return ['```json', JSON.stringify(plain, null, 2), '```'].join('\n'); // functions are left out by stringify
}
