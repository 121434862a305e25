import { execFileSync, spawnSync } from 'child_process';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { makeBundle } from '../../scripts/bundle/pack';
import { collectResults } from '../../scripts/bundle/results';
import { readRecord } from '../../src/train/record';
import { discoverPlugins } from '../../src/xla';

const root = path.join(__dirname, '..', '..');
const EXPERIMENT = `
module: models
model: resnet20_v1
train_parameters: { logdir: logs, run_name: tiny, lr_values: [0.01], lr_boundaries: [3], batch_size: 8, weight_decay: 1.0e-4, seed: 1 }
`;

/** Where the bundle is unpacked: nothing of the project's around, and few programs. */
let box: string;
let environment: NodeJS.ProcessEnv;

beforeAll(() => {
  box = fs.mkdtempSync(path.join(os.tmpdir(), 'bundle-'));
  const bin = path.join(box, 'bin');
  fs.mkdirSync(bin);
  // Neither tar nor xz nor node.
  const output = (...command: [string, ...string[]]) =>
    execFileSync(command[0], command.slice(1), { encoding: 'utf8' }).trim();
  for (const program of ['sh', 'cat', 'head', 'tail', 'cp', 'mkdir', 'dirname', 'sha256sum'])
    fs.symlinkSync(output('sh', '-c', `command -v ${program}`), path.join(bin, program));
  fs.symlinkSync(output('python3', '-c', 'import sys; print(sys.executable)'), path.join(bin, 'python3'));
  const plugin = discoverPlugins().found[0]?.path;
  environment = { PATH: bin, HOME: box, ...(plugin ? { PJRT_PLUGIN: plugin } : {}) };
});
afterAll(() => fs.rmSync(box, { recursive: true }));

function inBox(command: string): { status: number | null; output: string } {
  const child = spawnSync('/bin/sh', ['-c', command], { cwd: box, env: environment, encoding: 'utf8' });
  return { status: child.status, output: child.stdout + child.stderr };
}

const onLinux = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip;

onLinux(
  'a bundle unpacks on a bare machine, trains there, and its results come home',
  async () => {
    const { parts } = await makeBundle({
      root,
      out: path.join(box, 'up'),
      partBytes: 60_000_000,
      effort: 0,
      state: false,
    });
    for (const part of parts)
      expect(fs.statSync(path.join(box, 'up', part)).size).toBeLessThanOrEqual(60_000_000);

    const last = path.join(box, 'up', parts[parts.length - 1]);
    fs.renameSync(last, `${last}.later`);
    expect(inBox('sh up/unpack.sh')).toMatchObject({
      status: 1,
      output: expect.stringContaining(`missing here: ${path.basename(last)}`),
    });
    fs.renameSync(`${last}.later`, last);
    expect(inBox('sh up/unpack.sh')).toMatchObject({ status: 0 });

    const experiments = path.join(box, 'up', 'cifar', 'experiments');
    expect(inBox('up/run-queue --minutes 0').output).toContain('resnet20');
    expect(inBox('up/run-speedrun --help').output).toContain('--precision');
    fs.writeFileSync(path.join(experiments, 'tiny.yaml'), EXPERIMENT);
    fs.writeFileSync(path.join(experiments, 'queue.yaml'), '- tiny.yaml\n');
    expect(inBox('up/run-queue --minutes 9 --only big')).toMatchObject({
      status: 1,
      output: "The queue has no run 'big': it has tiny.\n",
    });
    expect(inBox('up/run-queue --minutes 9')).toMatchObject({
      status: 1,
      output: expect.stringMatching(/There is only a CPU here \(.*PJRT_PLUGIN.*\)\. --cpu trains on it/),
    });
    expect(inBox('up/run-queue --minutes 9 --cpu --out out')).toMatchObject({
      status: 0,
      output: expect.stringMatching(/tiny: finished, test error/),
    });

    const home = path.join(box, 'home');
    expect(collectResults([path.join(box, 'out')], home)).toEqual(
      expect.arrayContaining(['records/tiny.json', 'records/checkpoints/tiny/final.safetensors']),
    );
    expect(readRecord(path.join(home, 'records'), 'tiny')).toMatchObject({
      steps: 3,
      commit: expect.stringMatching(/^[0-9a-f]{40}\+?$/),
    });
    expect(inBox('up/run-queue --minutes 9 --cpu').output).toMatch(/tiny: skipped, test error/);
  },
  400_000,
);
