import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { discoverPlugins, PjrtClient, PjrtTopology, type Plugin } from '../../../src/xla/pjrt';

const { found } = discoverPlugins();
const cpuPlugins = found.filter(plugin => plugin.kind === 'cpu');
const scale = (n: number) => `
module @scale {
  func.func public @main(%a: tensor<2x3xf32>, %b: tensor<f32>) -> (tensor<3x2xf32>, tensor<2x3xf32>) {
    %0 = stablehlo.broadcast_in_dim %b, dims = [] : (tensor<f32>) -> tensor<2x3xf32>
    %1 = stablehlo.multiply %a, %0 : tensor<2x3xf32>
    %c = stablehlo.constant dense<${n}.0> : tensor<2x3xf32>
    %2 = stablehlo.add %1, %c : tensor<2x3xf32>
    %3 = stablehlo.transpose %2, dims = [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
    return %3, %2 : tensor<3x2xf32>, tensor<2x3xf32>
  }
}`;
const floats = (bytes: Uint8Array) => [...new Float32Array(bytes.slice().buffer)];

const each =
  cpuPlugins.length > 0 ? describe.each(cpuPlugins.map((p): [string, Plugin] => [p.name, p])) : undefined;
if (!each) test.skip('no CPU plugin is installed', () => undefined);

each?.('%s', (_, plugin) => {
  let client: PjrtClient;
  beforeAll(() => {
    client = PjrtClient.create(plugin);
  });

  test('tells platform, version and devices', () => {
    expect(client.platformName).toBe('cpu');
    expect(client.apiVersion.major).toBe(0);
    expect(client.devices.length).toBeGreaterThan(0);
  });

  test('brings data to the device and back in row-major order', () => {
    const data = Float32Array.from([1, 2, 3, 4, 5, 6]);
    const buffer = client.fromHost(data, 'f32', [2, 3]);
    data.fill(0); // the upload has its own copy
    expect(floats(buffer.toHost())).toEqual([1, 2, 3, 4, 5, 6]);
    buffer.destroy();
    buffer.destroy();
  });

  test('compiles and runs, blocking or not', async () => {
    const a = client.fromHost(Float32Array.from([1, 2, 3, 4, 5, 6]), 'f32', [2, 3]);
    const b = client.fromHost(Float32Array.from([10]), 'f32', []);
    const executable = client.compile(scale(1));
    const [transposed, plain] = executable.execute([a, b]);
    expect(transposed.dims).toEqual([3, 2]);
    expect(floats(transposed.toHost())).toEqual([11, 41, 21, 51, 31, 61]);
    expect(floats(await plain.toHostAsync())).toEqual([11, 21, 31, 41, 51, 61]);

    const other = await client.compileAsync(scale(2));
    const [again] = other.execute([a, b]);
    const end = again.completion();
    await Promise.all([end.ready(), end.ready()]);
    end.wait();
    expect(floats(again.toHost())).toEqual([12, 42, 22, 52, 32, 62]);
    expect(other.optimizedProgram()).toMatch(/^HloModule scale/);
  });

  test("a wrong program is an error with the plugin's message, not a crash", async () => {
    expect(() => client.compile('module { nonsense }')).toThrow(/PJRT_Client_Compile/);
    await expect(client.compileAsync('module { nonsense }')).rejects.toThrow(/PJRT_Client_Compile/);
    const executable = client.compile(scale(1));
    expect(() => executable.execute([])).toThrow(/PJRT_LoadedExecutable_Execute/);
  });

  test('a compiler that needs a deep stack has it, beside the event loop too', async () => {
    const nested = 'module {'.repeat(400) + '}'.repeat(400);
    expect(() => client.compile(nested)).toThrow(/PJRT_Client_Compile/);
    await expect(client.compileAsync(nested)).rejects.toThrow(/PJRT_Client_Compile/);
  });

  test('a plugin that knows no devices but those here says so', () => {
    expect(() => PjrtTopology.create(plugin, 'absent', {})).toThrow(/PJRT_TopologyDescription_Create/);
  });
});

test('a file that is no plugin is refused by name', () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'pjrt-')), 'plugin.so');
  fs.writeFileSync(file, 'not a library');
  expect(() => PjrtClient.create({ path: file, kind: 'other', name: 'x', source: 'test' })).toThrow(
    /plugin\.so can't be used: it does not load as a PJRT plugin: .*too short/,
  );
});

test('PJRT_PLUGIN comes before everything; a path that is not there is told', () => {
  const before = process.env.PJRT_PLUGIN;
  try {
    process.env.PJRT_PLUGIN = __filename;
    expect(discoverPlugins().found[0]).toMatchObject({ path: __filename, source: 'PJRT_PLUGIN' });
    process.env.PJRT_PLUGIN = '/nowhere/plugin.so';
    expect(discoverPlugins().passedOver[0].reason).toMatch(/does not exist/);
  } finally {
    if (before === undefined) delete process.env.PJRT_PLUGIN;
    else process.env.PJRT_PLUGIN = before;
  }
});
