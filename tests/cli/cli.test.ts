/** The command line as a person calls it: a process of its own, what it prints, how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pluginLines } from '../../src/cli/devices';
import { MODELS } from '../../src/models';
import { readExperiments } from '../../src/train';
import { CheckpointFolder } from '../../src/train/checkpoint';

const root = path.join(__dirname, '../..');

interface Ended {
  stdout: string;
  stderr: string;
  code: number | null;
}

/** `cifar ARGUMENTS`; `onText` sees what is written on stderr while it runs. */
function cifar(args: string[], onText?: (text: string, child: ChildProcess) => void): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: root });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    onText?.(stderr, child);
  });
  return new Promise(resolve => child.on('close', code => resolve({ stdout, stderr, code })));
}

let folder: string;
beforeAll(() => (folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cifar-cli-'))));
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

test('models: every model with paper, parameters and multiply-adds', async () => {
  const { stdout, code } = await cifar(['models', '--json']);
  const rows = JSON.parse(stdout) as Record<string, unknown>[];
  expect(code).toBe(0);
  expect(rows.map(({ name }) => name)).toEqual(MODELS.map(({ name }) => name));
  expect(rows.find(({ name }) => name === 'resnet20_v1')).toMatchObject({
    paper: { title: 'Deep Residual Learning for Image Recognition', year: 2016 },
    parameters: 269_722,
    multiplyAdds: 40_551_040,
    paperTestError: 8.75,
  });
});

test('devices: every back end, and why one that is missing is', async () => {
  const { stdout, code } = await cifar(['devices', '--json']);
  expect(code).toBe(0);
  const { backends, xla } = JSON.parse(stdout) as Record<string, { plugins?: unknown }>;
  expect(backends).toEqual(
    expect.arrayContaining([expect.objectContaining({ name: 'cpu', available: true })]),
  );
  expect(xla.plugins).toBeInstanceOf(Array);
  expect((await cifar(['devices'])).stdout).not.toMatch(/\d × cpu/i); // how many of them is no fact of the machine's
});

test("devices: a CUDA plugin's line is followed by where its compiler's tools lie, or what is missing", () => {
  const plugin = {
    ...{ name: 'jax-cuda13-pjrt', path: '/p.so', source: '.venv', version: '0.12.0.1' },
    ...{ platform: 'cuda', platformVersion: '', api: '0.115' },
    devices: [{ kind: 'NVIDIA H100', description: '', memory: 60 * 2 ** 30 }],
    native: { works: false },
  };
  const line = '  jax-cuda13-pjrt 0.12.0.1 (.venv): cuda, PJRT 0.115, 1 × NVIDIA H100, 60.0 GiB each';
  const found = { folder: '/usr/local/cuda', source: 'system' };
  expect(pluginLines({ ...plugin, tools: found })).toEqual([
    line,
    '    ptxas and libdevice: /usr/local/cuda (system)',
  ]);
  expect(pluginLines({ ...plugin, tools: { missing: 'Install them.' } })).toEqual([
    line,
    '    Install them.',
  ]);
  expect(pluginLines(plugin)).toEqual([line]);
});

test('help tells of every command', async () => {
  const { stdout, code } = await cifar(['--help']);
  expect(code).toBe(0);
  for (const command of ['devices', 'models', 'train', 'run', 'evaluate'])
    expect(stdout).toContain(`  ${command} `);
});

test.each([
  [['train', '--model', 'resnet21'], /^There is no model 'resnet21'; give one of vgg11, /],
  [
    ['evaluate', '--model', 'vgg11'],
    /^A model without weights knows nothing: give --pretrained or --weights FILE\.\n$/,
  ],
  [
    ['evaluate', '--model', 'vgg11', '--weights', 'x.npz', '--backend', 'cpu'],
    /There is no file 'x.npz'; check the path\.$/m,
  ],
  [
    ['evaluate', '--model', 'vgg11', '--weights', ''],
    /^--weights is empty: name a \.safetensors or \.npz file\.\n$/,
  ],
  [['run', 'no.yaml'], /^The experiment file 'no\.yaml' can't be read/],
  [
    ['train', '--model', 'vgg11', '--stop-after', 'soon'],
    /^error: option '--stop-after <steps>' argument 'soon' is invalid/,
  ],
  [['evaluate', '--model', 'vgg11', '--pretrained', '--weights', 'x'], /cannot be used with/],
  [['train'], /^error: required option '--model <name>' not specified$/m],
  [['train', '--modle', 'vgg11'], /^error: unknown option '--modle'\n\(Did you mean --model\?\)/],
  [
    [
      ...['evaluate', '--model', 'vgg11', '--pretrained', '--backend', 'cpu'],
      ...['--precision', 'mixed_bfloat16'],
    ],
    /^precision mixed_bfloat16 needs back end xla; cpu computes in float32\.$/m,
  ],
])('%j: one line that says what to do', async (args, message) => {
  const { stdout, stderr, code } = await cifar(args);
  expect(code).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at /); // no stack
});

/** Runs an experiment of many small steps and ends it after the tenth. */
async function broken(name: string, end: (child: ChildProcess) => void): Promise<Ended> {
  const file = path.join(folder, `${name}.yaml`);
  fs.writeFileSync(
    file,
    `module: Models.Resnets
model: cifar_resnet20
skip_error_test: true
train_parameters: { logdir: ${folder}/logs, run_name: ${name}, batch_size: 4, log_interval: 5 }`,
  );
  let ending = false;
  return cifar(['run', file, '--checkpoints', folder, '--records', folder], (text, child) => {
    if (ending || !text.includes('step 10 ')) return;
    ending = true;
    end(child);
  });
}

const savedStep = (name: string): number | undefined =>
  new CheckpointFolder(path.join(folder, name)).load(() => undefined)?.state.step;

test('Ctrl-C finishes the step, saves, and says how to go on', async () => {
  const ended = await broken('small', child => child.kill('SIGINT'));
  expect(ended.stderr).toContain('Finishing the step and saving');
  const step = /^small: stopped at step (\d+) of 64000; the same command goes on from there\n$/.exec(
    ended.stdout,
  )?.[1];
  expect(Number(step)).toBeGreaterThanOrEqual(10);
  expect(ended.code).toBe(130);
  expect(savedStep('small')).toBe(Number(step));
});

test('a run outlives the readers of its output, and saves when its terminal is closed', async () => {
  const ended = await broken('unread', child => {
    child.stdout!.destroy();
    child.stderr!.destroy();
    setTimeout(() => child.kill('SIGHUP'), 2000); // it has written more by then
  });
  expect(ended.code).toBe(130);
  expect(savedStep('unread')).toBeGreaterThan(10);
});

test('when the time was up: what is not begun is not done; what is finished is told with its precision', async () => {
  const file = path.join(folder, 'two.yaml');
  const experiment = (name: string) => `module: Models.Resnets
model: cifar_resnet20
train_parameters: { logdir: ${folder}/logs, run_name: ${name} }
`;
  fs.writeFileSync(file, [experiment('early'), experiment('late')].join('---\n'));
  const record = { precision: 'float32', finalTestError: 8.25, config: readExperiments(file)[0].config };
  fs.writeFileSync(path.join(folder, 'early.json'), JSON.stringify(record));
  const time = ['--minutes', '0.00001', '--precision', 'mixed_bfloat16'];
  const { stdout, code } = await cifar(['run', file, '--checkpoints', folder, '--records', folder, ...time]);
  expect(stdout).toMatch(/^early: finished before in float32, test error 8\.25 % .*\nlate: not begun\n$/);
  expect(code).toBe(130);
});
