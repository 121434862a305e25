import { execFileSync } from 'child_process';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import * as tf from '@tensorflow/tfjs';
import { PNG } from 'pngjs';
import { type Split } from '../../src/data';
import { EventFile, EventLog } from '../../src/train/events';
import { crc32c } from '../../src/crc32';
import { frame, maskedCrc32c } from '../../src/train/events/tfrecord';
import { fillOptions, type Progress } from '../../src/train/options';

const PYTHON = path.join(__dirname, '..', '..', '.venv', 'bin', 'python');
const haveTensorBoard = fs.existsSync(PYTHON);
if (!haveTensorBoard)
  console.warn('SKIPPED: no .venv with TensorBoard (npm run setup): event files are not read back.');
const withTensorBoard = haveTensorBoard ? test : test.skip;

/** What TensorBoard shows of a run's folder. */
interface Shown {
  scalars: Record<string, [step: number, value: number][]>;
  images: Record<string, { width: number; height: number; png: string }[]>;
  texts: Record<string, string[]>;
  plugins: Record<string, string>;
}

function readBack(folder: string): Shown {
  const script = path.join(__dirname, 'readEvents.py');
  const options = { encoding: 'utf8', stdio: 'pipe' } as const;
  return JSON.parse(execFileSync(PYTHON, [script, folder], options)) as Shown;
}

const progress = (step: number, error: number): Progress => ({
  ...{
    step,
    error,
    steps: 100,
    epoch: 0,
    epochs: 1,
    loss: 2.25,
    classificationLoss: 2,
    regularizationLoss: 0.25,
  },
  ...{ learningRate: 0.1, imagesPerSecond: 300, seconds: 1, secondsLeft: 1 },
});

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'events-'))));
afterEach(() => fs.rmSync(folder, { recursive: true }));

describe('TFRecord', () => {
  test('CRC-32C gives the values of RFC 3720, appendix B.4', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  test('a record is length, check sum, data, check sum', () => {
    const data = Buffer.from('data');
    const record = frame(data);
    expect(record.length).toBe(8 + 4 + 4 + 4);
    expect(record.readBigUInt64LE(0)).toBe(4n);
    expect(record.readUInt32LE(16)).toBe(maskedCrc32c(data));
  });
});

describe('event files in TensorBoard', () => {
  withTensorBoard('scalars, text and picture come back', () => {
    const file = new EventFile(folder, 1);
    file.text(0, 'options', '# Run\n\nlearning rate **0.1**');
    const png = PNG.sync.write(new PNG({ width: 3, height: 2 }));
    file.image(0, 'picture', { width: 3, height: 2, png });
    for (const step of [0, 200, 2 ** 33])
      file.scalars(step, { 'train/error_rate': step / 8, negative: -1.5 });
    file.close();
    const shown = readBack(folder);
    expect(shown.scalars['train/error_rate']).toEqual([0, 200, 2 ** 33].map(step => [step, step / 8]));
    expect(shown.scalars.negative[0][1]).toBe(-1.5);
    expect(shown.texts).toEqual({ options: ['# Run\n\nlearning rate **0.1**'] });
    expect(shown.plugins).toEqual({ options: 'text' });
    expect(shown.images.picture).toEqual([{ width: 3, height: 2, png: png.toString('base64') }]);
  });

  withTensorBoard('a resumed run hides what the broken-off part wrote after the checkpoint', () => {
    const first = new EventLog(folder, 0, fail);
    for (const step of [10, 20, 30]) first.progress(progress(step, 50 + step));
    first.validation({ step: 30, error: 80, loss: 1 });
    first.close();
    const second = new EventLog(folder, 20, fail);
    for (const step of [30, 40]) second.progress(progress(step, step));
    second.close();
    const { scalars } = readBack(folder);
    expect(fs.readdirSync(folder)).toHaveLength(2);
    expect(scalars['train/error_rate']).toEqual([ [10, 60], [20, 70], [30, 30], [40, 40] ]); // prettier-ignore
    expect(scalars['test/error_rate'] ?? []).toEqual([]);
  });

  withTensorBoard('a file broken off in a record does not hide the files after it', () => {
    const broken = new EventFile(folder, 1);
    for (const step of [1, 2, 3]) broken.scalars(step, { loss: step });
    broken.close();
    fs.truncateSync(broken.path, fs.statSync(broken.path).size - 7);
    const next = new EventFile(folder, 3);
    next.scalars(3, { loss: 33 });
    next.close();
    expect(readBack(folder).scalars.loss).toEqual([ [1, 1], [2, 2], [3, 33] ]); // prettier-ignore
  });

  withTensorBoard('a run begins with its options and what the network is shown', async () => {
    await tf.setBackend('cpu');
    const count = 64;
    const labels = new Uint8Array(count);
    const split: Split = { count, labels, images: new Uint8Array(count * 3072).fill(200) };
    const options = fillOptions({ logDir: folder, seed: 3, description: 'A *test*.', onProgress: fail });
    (await EventLog.open(options, split, 0))!.close();
    const { texts, images } = readBack(folder);
    expect(texts.description).toEqual(['A *test*.']);
    const written = JSON.parse(texts.options[0].replace(/```(json)?/g, '')) as Record<string, unknown>;
    expect(written).toMatchObject({ seed: 3, batchSize: 128, schedule: { type: 'piecewise' } });
    const [picture] = images['train/augmented_samples'];
    expect([picture.width, picture.height]).toEqual([256, 256]);
    const { data } = PNG.sync.read(Buffer.from(picture.png, 'base64'));
    // Every pixel is the images' grey, or the padding's mean color.
    const colors = new Set<string>();
    for (let i = 0; i < data.length; i += 4) colors.add(data.subarray(i, i + 3).join());
    expect([...colors].sort()).toEqual(['125,123,114', '200,200,200']);
  });
});

describe('trouble', () => {
  test('a folder that cannot be made is a clear error', () => {
    const file = path.join(folder, 'file');
    fs.writeFileSync(file, '');
    expect(() => new EventFile(path.join(file, 'run'), 1)).toThrow(
      /No event file can be written in '.*file.run'/,
    );
  });

  const full = fs.existsSync('/dev/full') ? test : test.skip;
  full('a full disk is told once, and the run goes on', () => {
    const warnings: string[] = [];
    const log = new EventLog(folder, 0, message => warnings.push(message));
    const { descriptor } = (log as unknown as { file: { descriptor: number } }).file;
    const fullDisk = fs.openSync('/dev/full', 'w');
    Object.assign((log as unknown as { file: object }).file, { descriptor: fullDisk });
    for (const step of [1, 2, 3]) log.progress(progress(step, 1));
    log.close();
    fs.closeSync(fullDisk);
    fs.closeSync(descriptor);
    expect(warnings).toEqual([expect.stringMatching(/ENOSPC/)]);
  });
});

function fail(message: unknown): void {
  throw new Error(String(message));
}
