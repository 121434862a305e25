/** Real runs of real models on a few made-up images. */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { selectBackend } from '../../src/backends';
import { type Experiment, parseExperiments } from '../../src/train';
import { readRecord } from '../../src/train/record';
import { runExperiment } from '../../src/train/runExperiment';
import { type Reporter, runExperiments } from '../../src/train/runExperiments';
import { readWeights } from '../../src/weights';
import { precisionPolicy } from '../../src/xla';
import { madeUpData } from './killable';

let folder: string;
beforeEach(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-experiments-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const experiment = (name: string, more = '', train = ''): string => `module: Models.Resnets
model: cifar_resnet20
${more}
train_parameters:
  logdir: ${path.join(folder, 'logs')}
  run_name: ${name}
  batch_size: 8
  lr_values: [0.01, 0.001]
  lr_boundaries: [3, 6]
  log_interval: 2
  val_interval: 4
  ${train}
`;

/** Two good ones around one whose weights are not there. */
const file = () =>
  [
    experiment('first', 'skip_error_test: true', 'seed: 7'),
    experiment('broken', 'model_parameters: { load_weights: missing.safetensors }'),
    experiment('last', '', 'holdout: 20'),
  ].join('---\n');

async function run(
  reporter: Partial<Reporter> = {},
  signal?: AbortSignal,
  what: string | Experiment[] = file(),
) {
  const messages: string[] = [];
  const backend = await selectBackend();
  const endings = await runExperiments(
    typeof what === 'string' ? parseExperiments(what, 'three.yaml') : what,
    {
      ...{ data: madeUpData(), backend, signal },
      checkpoints: path.join(folder, 'checkpoints'),
      records: path.join(folder, 'records'),
      onMessage: message => messages.push(message),
      reporter: () => ({
        ...{ onProgress: () => undefined, onValidation: () => undefined, stop: () => undefined },
        onWarning: message => messages.push(message),
        ...reporter,
      }),
    },
  );
  return { messages, endings };
}

test('tested, trained in order, a failing one passed over; broken off, resumed, and skipped when run again', async () => {
  // The first is interrupted after its second step.
  const stop = new AbortController();
  const onProgress: Reporter['onProgress'] = ({ step }) => step === 2 && stop.abort();
  const first = await run({ onProgress }, stop.signal);
  expect(first.messages).toEqual([
    expect.stringMatching(/^error test of broken: There is no file 'missing.safetensors'/),
    'error test of last: passed',
    'first: resnet20_v1, three.yaml',
  ]);
  expect(first.endings).toMatchObject([
    { name: 'first', status: 'interrupted', result: { step: 2, steps: 6 } },
    { name: 'broken', status: 'failed', reason: expect.stringContaining('missing.safetensors') },
    { name: 'last', status: 'not begun' },
  ]);

  const steps: number[] = [];
  const second = await run({ onProgress: ({ step }) => void steps.push(step) });
  expect(steps).toEqual([4, 6, 2, 4, 6]); // the first goes on from its second step
  expect(second.endings.map(({ status }) => status)).toEqual(['finished', 'failed', 'finished']);

  const record = readRecord(path.join(folder, 'records'), 'first')!;
  expect(record).toMatchObject({
    ...{ name: 'first', model: 'resnet20_v1', parameters: 269_722, steps: 6, seed: 7, precision: 'float32' },
    validatedOn: 'test set',
    config: { model: 'cifar_resnet20', train_parameters: { run_name: 'first' } },
  });
  expect(record.curve.map(({ step }) => step)).toEqual([2, 4, 6]);
  expect(record.curve.map(({ learningRate }) => learningRate)).toEqual([0.01, 0.001, 0.001]);
  expect(record.curve[2].testError).toBe(record.finalTestError);
  expect(record.bestTestError).toBe(Math.min(record.curve[1].testError!, record.curve[2].testError!));
  expect(fs.existsSync(path.join(folder, 'checkpoints', 'first', 'final.safetensors'))).toBe(true);

  // Chosen on held-out images, the best is no number of the test set.
  const held = readRecord(path.join(folder, 'records'), 'last')!;
  expect(held.validatedOn).toBe('held-out training images');
  expect(held.bestTestError).toBeUndefined();
  expect(held.finalTestError).toBeGreaterThanOrEqual(0);

  const third = await run();
  expect(third.endings.map(({ status }) => status)).toEqual(['skipped', 'failed', 'skipped']);
  expect(third.messages.filter(message => message.startsWith('error test'))).toHaveLength(1); // of the one that isn't finished
});

test('a held-out run is tested in the precision that its record names', async () => {
  const backend = await selectBackend();
  if (backend.name !== 'xla') return;
  const { test: images, ...rest } = madeUpData();
  const seen: string[] = [];
  const data = {
    ...rest,
    get test() {
      seen.push(precisionPolicy());
      return images;
    },
  };
  const [held] = parseExperiments(experiment('held', '', 'holdout: 20'), 'one.yaml');
  const folders = { checkpoints: path.join(folder, 'checkpoints'), records: path.join(folder, 'records') };
  const outcome = await runExperiment(held, { data, backend, ...folders, precision: 'mixed_bfloat16' });
  expect(outcome).toMatchObject({ status: 'finished', record: { precision: 'mixed_bfloat16' } });
  expect(seen.at(-1)).toBe('mixed_bfloat16');
});

test("a model that is given is trained in place, and later gets a finished run's weights", async () => {
  const backend = await selectBackend();
  const [experimentOf] = parseExperiments(experiment('mine'), 'one.yaml');
  const folders = { checkpoints: path.join(folder, 'checkpoints'), records: path.join(folder, 'records') };
  const runOf = async (signal?: AbortSignal) => {
    const model = experimentOf.build();
    const before = await readWeights(model);
    const { status } = await runExperiment(experimentOf, {
      data: madeUpData(),
      backend,
      model,
      signal,
      ...folders,
    });
    const after = await readWeights(model);
    model.dispose(); // the run left it to us
    return { status, before, after };
  };
  expect(await runOf(AbortSignal.abort())).toMatchObject({ status: 'interrupted' });
  const first = await runOf();
  expect(first.status).toBe('finished');
  expect(first.after).not.toEqual(first.before);
  const again = await runOf();
  expect(again.status).toBe('skipped');
  expect(again.after).toEqual(first.after);
  fs.rmSync(folders.checkpoints, { recursive: true });
  await expect(runOf()).rejects.toThrow(/mine is finished.*final.safetensors', are not here/);
});

test.each(['checkpoints/first/final.safetensors', 'records/first.json'])(
  'without %s a run is not finished, and goes on when it can be written',
  async name => {
    const file = path.join(folder, name);
    const steps: number[] = [];
    const runFirst = (onStep: (step: number) => void) => {
      const onProgress: Reporter['onProgress'] = ({ step }) => (steps.push(step), onStep(step));
      return run({ onProgress }, undefined, experiment('first', 'skip_error_test: true'));
    };
    // A folder of its name is in its way.
    const { endings } = await runFirst(step => step === 6 && fs.mkdirSync(file, { recursive: true }));
    expect(endings).toMatchObject([{ status: 'failed', reason: expect.stringContaining(`'${file}'`) }]);
    expect(endings).toMatchObject([
      { reason: expect.stringMatching(/can't be written \(.*goes on from its checkpoint\.$/) },
    ]);
    fs.rmdirSync(file);
    expect(readRecord(path.join(folder, 'records'), 'first')).toBeUndefined();
    const again = await runFirst(() => undefined);
    expect(again.endings).toMatchObject([{ status: 'finished', record: { steps: 6 } }]);
    expect(steps).toEqual([2, 4, 6]); // none was taken twice
    expect(fs.statSync(file).isFile()).toBe(true);
  },
);

test("a run whose record can't be written is not begun", async () => {
  fs.writeFileSync(path.join(folder, 'records'), 'a file');
  const { endings } = await run({}, undefined, experiment('first', 'skip_error_test: true'));
  expect(endings).toMatchObject([
    { status: 'failed', reason: expect.stringContaining("records' for records can't be written") },
  ]);
});

test('a record names the commit of the code when the run began', async () => {
  const before = process.env.CIFAR_COMMIT;
  process.env.CIFAR_COMMIT = 'at the beginning';
  try {
    const { endings } = await run(
      { onProgress: () => void (process.env.CIFAR_COMMIT = 'later') },
      undefined,
      experiment('first', 'skip_error_test: true'),
    );
    expect(endings).toMatchObject([{ record: { commit: 'at the beginning' } }]);
  } finally {
    if (before === undefined) delete process.env.CIFAR_COMMIT;
    else process.env.CIFAR_COMMIT = before;
  }
});

test('a record of another configuration is not passed off as this one', async () => {
  fs.mkdirSync(path.join(folder, 'records'));
  fs.writeFileSync(path.join(folder, 'records', 'first.json'), '{"finalTestError": 1, "config": {}}');
  const { endings } = await run({}, undefined, experiment('first', 'skip_error_test: true'));
  expect(endings).toMatchObject([
    { status: 'failed', reason: expect.stringContaining('is the record of another configuration') },
  ]);
});

test('one run_name in two files is refused before anything is trained', async () => {
  const twice = [
    ...parseExperiments(experiment('a'), 'one.yaml'),
    ...parseExperiments(experiment('a'), 'two.yaml'),
  ];
  await expect(run({}, undefined, twice)).rejects.toThrow(
    "run_name 'a' stands in 'one.yaml' and in 'two.yaml'",
  );
});
