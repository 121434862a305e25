/** The package tfjs-backend-xla, made by the real script and used by programs in a folder outside of this repository. */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { discoverPlugins } from '../../src/xla';
import { installedFor } from '../../src/xla/folders';

const root = path.resolve(__dirname, '../..');
const { version, dependencies } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
};
const plugin = discoverPlugins().found.find(({ kind }) => kind === 'cpu');
const withPlugin = plugin ? test : test.skip;

let box: string;
/** Somebody's project: the package, unpacked, and its dependencies. */
let project: string;
let installed: string;
/** What a user's shell has: no settings of this run's. */
let environment: NodeJS.ProcessEnv;

beforeAll(() => {
  box = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'package-')));
  const out = path.join(box, 'out');
  execFileSync(
    process.execPath,
    ['--import', 'tsx', path.join(root, 'scripts/package-xla.ts'), '--out', out],
    { cwd: root, stdio: 'pipe' },
  );
  project = path.join(box, 'project');
  installed = path.join(project, 'node_modules', 'tfjs-backend-xla');
  fs.mkdirSync(installed, { recursive: true });
  const archive = path.join(out, `tfjs-backend-xla-${version}.tgz`);
  execFileSync('tar', ['-xzf', archive, '-C', installed, '--strip-components=1']);
  for (const name of ['koffi', '@tensorflow', '@types'])
    fs.symlinkSync(path.join(root, 'node_modules', name), path.join(project, 'node_modules', name), 'dir');
  fs.writeFileSync(path.join(project, 'package.json'), '{ "name": "somebody", "private": true }');
  const { PATH, HOME } = process.env;
  environment = { PATH, HOME };
  if (plugin?.source === '.venv')
    fs.symlinkSync(path.join(root, '.venv'), path.join(project, '.venv'), 'dir');
  else if (plugin) environment.PJRT_PLUGIN = plugin.path;
});
afterAll(() => fs.rmSync(box, { recursive: true, force: true }));

/** Writes a file of the project. */
function write(name: string, text: string): string {
  fs.writeFileSync(path.join(project, name), text);
  return path.join(project, name);
}

/** Runs plain Node. */
function node(cwd: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    env: environment,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const filesOf = (folder: string): string[] =>
  (fs.readdirSync(folder, { recursive: true }) as string[])
    .filter(name => fs.statSync(path.join(folder, name)).isFile())
    .map(name => name.split(path.sep).join('/'))
    .sort();

test('the package holds the compiled back end, its pages and nothing else', () => {
  const sources = filesOf(path.join(root, 'src/xla')).filter(name => name.endsWith('.ts'));
  const compiled = sources.flatMap(name =>
    ['.js', '.js.map', '.d.ts'].map(ending => `lib/${name.replace(/\.ts$/, ending)}`),
  );
  const inC = filesOf(path.join(root, 'src/xla/native'))
    .filter(name => /\.[ch]$/.test(name))
    .map(name => `lib/native/${name}`);
  const beside = ['LICENSE', 'README.md', 'package.json', 'docs/performance.md', 'docs/plugins.md'];
  const requirements = ['cpu', 'cuda12', 'cuda13'].map(kind => `requirements-${kind}.txt`);
  expect(filesOf(installed)).toEqual([...compiled, ...inC, ...beside, ...requirements].sort());
  expect(JSON.parse(fs.readFileSync(path.join(installed, 'package.json'), 'utf8'))).toMatchObject({
    version,
    license: 'Apache-2.0',
    dependencies: { koffi: dependencies.koffi },
    peerDependencies: { '@tensorflow/tfjs-core': '^4.22.0', '@tensorflow/tfjs-backend-cpu': '^4.22.0' },
  });
});

test('no file names a folder of this machine', () => {
  const folders = [root, box, os.homedir()].map(folder => path.join(folder, path.sep));
  const naming = filesOf(installed).filter(name => {
    const text = fs.readFileSync(path.join(installed, name), 'utf8');
    return folders.some(folder => folder !== path.sep && text.includes(folder));
  });
  expect(naming).toEqual([]);
});

test('links in its pages lead to files of the package, and examples import it', () => {
  const pages = filesOf(installed).filter(name => name.endsWith('.md'));
  for (const page of pages) {
    const text = fs.readFileSync(path.join(installed, page), 'utf8');
    for (const [, target] of text.matchAll(/\]\(((?![a-z]+:)[^)\s#]+)[^)\s]*\)/g))
      expect({
        page,
        target,
        there: fs.existsSync(path.join(installed, path.dirname(page), target)),
      }).toEqual({ page, target, there: true });
    expect(text).not.toMatch(/from '\.|npm run package:xla/);
  }
  const readme = fs.readFileSync(path.join(installed, 'README.md'), 'utf8');
  expect(readme).toContain("import { jit, useXla } from 'tfjs-backend-xla';");
  expect(readme).toContain(`npm install ./tfjs-backend-xla-${version}.tgz`);
  expect(readme).toContain('[docs/plugins.md](docs/plugins.md)');
});

test('where an installed package belongs', () => {
  const at = (...names: string[]): string => path.resolve('/home', 'me', ...names);
  expect(installedFor(at('prog', 'node_modules', 'tfjs-backend-xla', 'lib'))).toBe(at('prog'));
  const pnpm = ['node_modules', '.pnpm', 'tfjs-backend-xla@1', 'node_modules', 'tfjs-backend-xla', 'lib'];
  expect(installedFor(at('prog', ...pnpm))).toBe(at('prog'));
  expect(installedFor(at('cifar', 'src', 'xla'))).toBeUndefined();
  expect(installedFor()).toBeUndefined();
});

test('its types serve a strict program, with the types of all packages checked', () => {
  const program = `
    import * as tf from '@tensorflow/tfjs-core';
    import { type Jit, type XlaInfo, jit, useXla, xlaStats } from 'tfjs-backend-xla';

    export async function main(): Promise<number> {
      const info: XlaInfo = await useXla({ kind: 'cpu' });
      const twice: Jit<[tf.Tensor], tf.Tensor> = jit((x: tf.Tensor) => tf.add(x, x));
      // @ts-expect-error a tensor, not its shape
      twice([2]);
      return twice(tf.scalar(1)).dataSync()[0] + xlaStats().compiled + info.devices.length;
    }
  `;
  const checked = (module: string, resolution: string) =>
    spawnSync(
      process.execPath,
      [
        ...[path.join(root, 'node_modules/typescript/bin/tsc'), '--strict', '--noEmit'],
        ...['--skipLibCheck', 'false', '--target', 'es2022', '--types', 'node,long'], // tfjs-core takes Long from @types/long
        ...['--module', module, '--moduleResolution', resolution, write('program.ts', program)],
      ],
      { cwd: project, encoding: 'utf8' },
    ).stdout;
  expect(checked('commonjs', 'node10')).toBe('');
  expect(checked('node16', 'node16')).toBe('');
});

test('the other way of importing, with no more of TensorFlow.js than the package asks for', () => {
  const program = write(
    'program.mjs',
    `import * as tf from '@tensorflow/tfjs-core';
     import { seedTensor, statelessNormal } from 'tfjs-backend-xla';
     await tf.setBackend('cpu');
     console.log(statelessNormal([2, 3], seedTensor(1), 5, 2).shape);`,
  );
  expect(node(project, program)).toMatchObject({ status: 0, stdout: '[ 2, 3 ]\n' });
});

test('without a plugin, the error says what to install', () => {
  const program = `require('tfjs-backend-xla').useXla({ kind: 'other' }).catch(error => console.log(error.message))`;
  expect(node(project, '-e', program).stdout).toMatch(
    /^No XLA plugin works.* pip install --no-deps lammps-jax-pjrt-cpu into your project's \.venv, or set/,
  );
});

const REGRESSION = `
const tf = require('@tensorflow/tfjs');
const { jit, seedTensor, statelessNormal, useXla, xlaStats } = require('tfjs-backend-xla');

async function main() {
  const info = await useXla({ cache: { minCompileMs: 0 } });
  const x = statelessNormal([64, 3], seedTensor(1));
  const y = tf.add(tf.matMul(x, tf.tensor2d([[1], [-2], [3]])), 0.5);
  const w = tf.variable(tf.zeros([3, 1]));
  const b = tf.variable(tf.scalar(0));
  const sgd = tf.train.momentum(0.05, 0.9);
  const step = jit((x, y) => sgd.minimize(() => tf.losses.meanSquaredError(y, tf.add(tf.matMul(x, w), b)), true));
  let loss;
  for (let i = 0; i < 200; i++) loss = step(x, y);
  const [last] = await loss.data();
  const { compiled, loaded } = xlaStats();
  console.log(JSON.stringify({
    ...{ source: info.plugin.source, platform: info.platform, backend: tf.getBackend(), traces: step.traces },
    ...{ loss: last, weights: [...w.dataSync()], bias: b.dataSync()[0], compiled, loaded },
  }));
}
main();
`;

interface Learned {
  readonly loss: number;
  readonly weights: readonly number[];
  readonly bias: number;
  readonly compiled: number;
  readonly loaded: number;
}

/** Runs the regression in a working folder. */
function learn(cwd: string): Learned {
  const { status, stdout, stderr } = node(cwd, path.join(project, 'regression.cjs'));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout.slice(stdout.indexOf('{"'))) as Learned;
}

withPlugin('a program of plain JavaScript learns under jit, and its cache lies in its project', () => {
  write('regression.cjs', REGRESSION);
  const first = learn(project);
  const source = plugin!.source === '.venv' ? '.venv' : 'PJRT_PLUGIN';
  expect(first).toMatchObject({ source, platform: 'cpu', backend: 'xla', traces: 1, loaded: 0 });
  expect(first.loss).toBeLessThan(1e-6);
  [1, -2, 3].forEach((weight, i) => expect(first.weights[i]).toBeCloseTo(weight, 2));
  expect(first.bias).toBeCloseTo(0.5, 2);
  // `native`: where there is a C compiler.
  const kept = fs.readdirSync(path.join(project, '.cache/xla')).filter(name => name !== 'native');
  expect(kept.sort()).toEqual(['plugins.json', 'programs']);

  // Started from a folder outside, it finds the same plugin and the same compiled programs.
  const elsewhere = fs.mkdtempSync(path.join(box, 'elsewhere-'));
  const { loss, weights, bias } = first;
  const again = { source, loss, weights, bias, compiled: 0, loaded: first.compiled };
  expect(learn(elsewhere)).toMatchObject(again);
  expect(fs.readdirSync(elsewhere)).toEqual([]);
  expect(fs.existsSync(path.join(installed, '.cache'))).toBe(false);
});
