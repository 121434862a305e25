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
let wrappedEnvironment: NodeJS.ProcessEnv;

beforeAll(() => {
  box = fs.mkdtempSync(path.join(os.tmpdir(), 'bundle-'));
  const bin = path.join(box, 'bin');
  fs.mkdirSync(bin);
  // Neither tar nor xz nor node.
  const output = (...command: [string, ...string[]]) =>
    execFileSync(command[0], command.slice(1), { encoding: 'utf8' }).trim();
  for (const program of ['sh', 'cat', 'cp', 'mkdir', 'dirname', 'sha256sum'])
    fs.symlinkSync(output('sh', '-c', `command -v ${program}`), path.join(bin, program));
  const python = output('python3', '-c', 'import sys; print(sys.executable)');
  fs.symlinkSync(python, path.join(bin, 'python3'));
  const plugin = discoverPlugins().found.find(({ kind }) => kind === 'cpu')?.path;
  environment = { PATH: bin, HOME: box, ...(plugin ? { PJRT_PLUGIN: plugin } : {}) };
  // A python3 from whose place nobody can tell where its packages are.
  const wrapped = path.join(box, 'wrapped');
  fs.mkdirSync(wrapped);
  const packages = path.dirname(path.dirname(plugin ?? box));
  const script = `#!/bin/sh\nPYTHONPATH='${packages}' exec '${python}' "$@"\n`;
  fs.writeFileSync(path.join(wrapped, 'python3'), script, { mode: 0o755 });
  wrappedEnvironment = { PATH: `${wrapped}:${bin}`, HOME: box };
});
afterAll(() => fs.rmSync(box, { recursive: true }));

function inBox(command: string, env = environment): { status: number | null; output: string } {
  const child = spawnSync('/bin/sh', ['-c', command], { cwd: box, env, encoding: 'utf8' });
  return { status: child.status, output: child.stdout + child.stderr };
}

const onLinux = process.platform === 'linux' && process.arch === 'x64' ? test : test.skip;

const PART_BYTES = 60_000_000;

/** A file of the unpacked bundle. */
const there = (...names: string[]) => path.join(box, 'up', 'cifar', ...names);

const SMOKE = 'up/run-smoke --batch 8 --steps 2 --steps-per-call 2 --precision float32';

/** What a GPU's compiler would have left. */
const KEPT = ['.cache/xla/autotune/fusion.textproto', `.cache/xla/programs/cuda-${'0'.repeat(64)}.xla`];

onLinux(
  'a bundle unpacks on a bare machine, trains there, and its results come home',
  async () => {
    const { parts } = await makeBundle({
      ...{ root, out: path.join(box, 'up'), partBytes: PART_BYTES, effort: 0, state: false },
    });
    for (const part of parts)
      expect(fs.statSync(path.join(box, 'up', part)).size).toBeLessThanOrEqual(PART_BYTES);
    const [inPlace, away] = ['up', 'away'].map(folder => (part: string) => path.join(box, folder, part));
    fs.mkdirSync(away(''));
    const images = parts.filter(part => part.startsWith('images.'));
    expect(parts).toEqual(['program.part01', ...images]);

    // The program comes first.
    for (const part of parts) fs.renameSync(inPlace(part), away(part));
    expect(inBox('sh up/unpack.sh')).toMatchObject({
      status: 1,
      output: expect.stringContaining('parts of the program are missing here: program.part01'),
    });
    fs.renameSync(away('program.part01'), inPlace('program.part01'));
    expect(inBox('sh up/unpack.sh')).toMatchObject({
      status: 0,
      output: expect.stringContaining(`parts of the images are missing here: ${images.join(' ')}`),
    });
    expect(inBox(`${SMOKE} --cpu`)).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^plugin .*\(PJRT_PLUGIN: [^]*the last differs by [^]*2 steps a call: [^]*compiled in [^]*All is well/), // prettier-ignore
    });
    expect(inBox(SMOKE, wrappedEnvironment)).toMatchObject({
      status: 1,
      output: expect.stringMatching(/^plugin .*\(PYTHONPATH: [^]*There is only a CPU here.*--cpu tries/),
    });
    for (const command of ['run-queue --minutes 9 --cpu', 'run-speedrun'])
      expect(inBox(`up/${command}`)).toMatchObject({
        status: 1,
        output: expect.stringContaining('The images are not here yet: put the parts images.part01'),
      });
    expect(inBox('up/run-queue --minutes 0').output).toContain('resnet20');
    expect(inBox('up/run-speedrun --help').output).toContain('--precision');

    // Then the images, once more because one is damaged on the way.
    for (const part of images) fs.renameSync(away(part), inPlace(part));
    const last = inPlace(images[images.length - 1]);
    const bytes = fs.readFileSync(last);
    fs.writeFileSync(last, bytes.subarray(1));
    expect(inBox('sh up/unpack.sh')).toMatchObject({
      status: 1,
      output: expect.stringMatching(
        new RegExp(`${path.basename(last)}: FAILED[^]*Copy these parts of the images again`),
      ),
    });
    fs.writeFileSync(last, bytes);
    // What was unpacked before, and has changed since, is left as it is.
    fs.writeFileSync(there('experiments', 'tiny.yaml'), EXPERIMENT);
    fs.writeFileSync(there('experiments', 'queue.yaml'), '- tiny.yaml\n');
    expect(inBox('sh up/unpack.sh')).toMatchObject({
      status: 0,
      output: expect.stringContaining('The images are unpacked'),
    });

    expect(inBox('up/run-queue --minutes 9 --only big')).toMatchObject({
      status: 1,
      output: "The queue has no run 'big': it has tiny.\n",
    });
    expect(inBox('up/run-queue --minutes 9')).toMatchObject({
      status: 1,
      output: expect.stringMatching(/There is only a CPU here \(.*PJRT_PLUGIN.*\)\. --cpu trains on it/),
    });
    for (const file of KEPT) {
      fs.mkdirSync(path.dirname(there(file)), { recursive: true });
      fs.writeFileSync(there(file), file);
      fs.utimesSync(there(file), new Date(), new Date(Date.now() + 60_000)); // as though made meanwhile
    }
    expect(inBox('up/run-queue --minutes 9 --cpu --steps-per-call 2 --out out')).toMatchObject({
      status: 0,
      output: expect.stringMatching(/steps a call: 2[^]*tiny: finished, test error/),
    });

    const home = path.join(box, 'home');
    const came = collectResults([path.join(box, 'out')], home);
    expect(came).toEqual(
      expect.arrayContaining(['records/tiny.json', 'records/checkpoints/tiny/final.safetensors']),
    );
    expect(came.filter(file => file.startsWith('.cache'))).toEqual(KEPT);
    expect(fs.readdirSync(there('.cache', 'xla', 'programs'))).toContainEqual(expect.stringMatching(/^cpu-/));
    expect(readRecord(path.join(home, 'records'), 'tiny')).toMatchObject({
      steps: 3,
      commit: expect.stringMatching(/^[0-9a-f]{40}\+?$/),
    });
    expect(inBox('up/run-queue --minutes 9 --cpu').output).toMatch(/tiny: skipped, test error/);

    // Nothing of a program runs after its last word.
    const late = path.join(box, 'late.cjs');
    fs.writeFileSync(late, "process.on('exit', () => console.log('an exit handler'));");
    const watched = { ...environment, NODE_OPTIONS: `--require ${late}` };
    expect(inBox('up/run-queue --minutes 0', watched)).toEqual({ status: 0, output: 'tiny (resnet20_v1)\n' });
  },
  600_000,
);

onLinux(
  'the program alone',
  async () => {
    const out = path.join(box, 'first');
    const { parts, dataBytes } = await makeBundle({
      ...{ root, out, partBytes: PART_BYTES, effort: 0, programOnly: true },
    });
    expect([parts, dataBytes]).toEqual([['program.part01'], 0]);
    expect(fs.readdirSync(out).sort()).toEqual(['parts.sha256', 'program.part01', 'unpack.sh']);
    const { status, output } = inBox('sh first/unpack.sh');
    expect({ status, output }).toEqual({
      status: 0,
      output: 'The program is unpacked; ./run-smoke tries it.\n',
    });
    expect(inBox('first/run-smoke --help').output).toContain('--cpu');

    // A damaged part of another bundle leaves what is there.
    fs.appendFileSync(path.join(out, 'parts.sha256'), `${'0'.repeat(64)}  program.part02\n`);
    fs.writeFileSync(path.join(out, 'program.part02'), '');
    expect(inBox('sh first/unpack.sh')).toMatchObject({
      status: 1,
      output: expect.stringMatching(
        /part02: FAILED[^]*The program of another bundle, unpacked before, stays/,
      ),
    });
  },
  300_000,
);
