import { spawnSync } from 'child_process';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { ExecutableCache } from '../../src/xla/executableCache';
import { discoverPlugins, PjrtClient, type Plugin } from '../../src/xla/pjrt';
import { runProgram } from './cacheProgram';

const plugins = discoverPlugins().found.filter(plugin => plugin.kind === 'cpu');
const each =
  plugins.length > 0 ? describe.each(plugins.map((p): [string, Plugin] => [p.name, p])) : undefined;
if (!each) test.skip('no CPU plugin is installed', () => undefined);

const newFolder = (): string => fs.mkdtempSync(path.join(os.tmpdir(), 'xla-cache-'));
const entries = (folder: string): string[] =>
  fs.readdirSync(folder).map(name => path.join(folder, name)); // prettier-ignore

each?.('%s', (_, plugin) => {
  let client: PjrtClient;
  let folder: string;
  beforeAll(() => {
    // the name and source that the other process gives are part of the key
    client = PjrtClient.create({ path: plugin.path, kind: 'cpu', name: 'test', source: 'test' });
  });
  beforeEach(() => {
    folder = newFolder();
  });
  afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

  test('a program compiled here is loaded, not compiled, by another process, and gives the same bits', async () => {
    const here = await runProgram(client, folder);
    expect(here.stats).toMatchObject({ compiled: 1, loaded: 0 });
    expect(fs.readdirSync(folder)).toEqual([expect.stringMatching(/^cpu-[0-9a-f]{64}\.xla$/)]);
    const script = path.join(__dirname, 'cacheProgram.ts');
    const child = spawnSync(process.execPath, ['--import', 'tsx', script, plugin.path, folder], {
      encoding: 'utf8',
    });
    const there = JSON.parse(child.stdout) as typeof here;
    expect(there.stats).toMatchObject({ compiled: 0, loaded: 1 });
    expect(there.results).toEqual(here.results);
  });

  const damages: [string, (file: string) => void][] = [
    ['cut off', file => fs.truncateSync(file, fs.statSync(file).size - 100)],
    ['empty', file => fs.truncateSync(file, 0)],
    ['with one wrong byte', file => flip(file, 1000)],
    ['with a wrong head', file => flip(file, 0)],
    [
      'of another program',
      file =>
        fs.copyFileSync(
          entries(folder).find(f => f !== file)!,
          file,
        ),
    ],
  ];
  test.each(damages)('an entry %s is replaced, and nothing fails', async (_damage, harm) => {
    const { results } = await runProgram(client, folder, 0);
    const [file] = entries(folder);
    await runProgram(client, folder, 1);
    harm(file);
    for (const asynchronous of [false, true]) {
      const after = await runProgram(client, folder, 0, { asynchronous });
      expect(after.results).toEqual(results);
      expect(after.stats).toMatchObject(
        asynchronous ? { compiled: 0, loaded: 1 } : { compiled: 1, loaded: 0 },
      );
    }
  });

  test('a whole entry that the plugin refuses is replaced too', async () => {
    const { results } = await runProgram(client, folder);
    for (const asynchronous of [false, true]) {
      const serialize = jest.spyOn(client, asynchronous ? 'loadAsync' : 'load').mockImplementation(() => {
        throw new Error('refused');
      });
      const after = await runProgram(client, folder, 0, { asynchronous });
      serialize.mockRestore();
      expect(after).toMatchObject({ results, stats: { compiled: 1, loaded: 0 } });
    }
    expect((await runProgram(client, folder)).stats.loaded).toBe(1);
  });

  test('what was not used for longest goes when the folder is full', async () => {
    for (const n of [0, 1, 2]) await runProgram(client, folder, n);
    const size = Math.max(...entries(folder).map(file => fs.statSync(file).size));
    const past = new Date(Date.now() - 60_000);
    entries(folder).forEach(file => fs.utimesSync(file, past, past));
    expect((await runProgram(client, folder, 1)).stats.loaded).toBe(1); // used: no longer old
    await runProgram(client, folder, 3, { maxBytes: 2.5 * size });
    expect(entries(folder)).toHaveLength(2);
    expect((await runProgram(client, folder, 1)).stats.loaded).toBe(1);
    expect((await runProgram(client, folder, 3)).stats.loaded).toBe(1);
    expect((await runProgram(client, folder, 0)).stats.loaded).toBe(0);
  });

  test('use does not change the time at which a program was made', async () => {
    await runProgram(client, folder);
    const [file] = entries(folder);
    const past = new Date(Date.now() - 60_000);
    fs.utimesSync(file, past, past);
    expect((await runProgram(client, folder)).stats.loaded).toBe(1);
    const { mtimeMs, atimeMs } = fs.statSync(file);
    expect(Math.abs(mtimeMs - past.getTime())).toBeLessThan(1000);
    expect(atimeMs).toBeGreaterThan(past.getTime() + 30_000);
  });

  test('other flags, another program: another entry', async () => {
    const cache = new ExecutableCache(client, { folder, minCompileMs: 0 });
    const executable = client.compile('module { func.func @main() { return } }');
    cache.store('a', {}, executable, 1);
    expect(cache.load('a', {})).toBeDefined();
    expect(cache.load('b', {})).toBeUndefined();
    expect(cache.load('a', { flags: { xla_cpu_enable_fast_math: true } })).toBeUndefined();
    expect(cache.load('a', { partitions: 2 })).toBeUndefined();
  });

  test('a program that compiles fast is not kept; a folder that cannot be is no failure', async () => {
    const cache = new ExecutableCache(client, { folder });
    cache.store('a', {}, client.compile('module { func.func @main() { return } }'), 499);
    expect(entries(folder)).toEqual([]);
    const gpu = Object.create(client, {
      plugin: { value: { ...client.plugin, kind: 'cuda' } },
    }) as PjrtClient;
    const cacheOfGpu = new ExecutableCache(gpu, { folder: path.join(folder, 'gpu') });
    const small = client.compile('module { func.func @main() { return } }');
    for (const ms of [99, 100]) cacheOfGpu.store(`${ms} ms`, {}, small, ms);
    expect(entries(path.join(folder, 'gpu'))).toHaveLength(1);
    const file = path.join(folder, 'a-file');
    fs.writeFileSync(file, '');
    expect((await runProgram(client, file)).stats.compiled).toBe(1);
  });
});

function flip(file: string, at: number): void {
  const bytes = fs.readFileSync(file);
  bytes[at] ^= 1;
  fs.writeFileSync(file, bytes);
}
