/** A program, and a process of its own that runs it: `tsx cacheProgram.ts PLUGIN FOLDER` prints what it did as JSON. */
import { ExecutableCache } from '../../src/xla/executableCache';
import { PjrtClient } from '../../src/xla/pjrt';
import { Runtime, type RuntimeStats } from '../../src/xla/runtime';

/** x ↦ tanh(x·x) + n and the sum of x's row. */
export const programText = (n: number): string => `
module @cached {
  func.func public @main(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8xf32>) {
    %0 = stablehlo.dot_general %x, %x, contracting_dims = [1] x [0] : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
    %1 = stablehlo.tanh %0 : tensor<8x8xf32>
    %c = stablehlo.constant dense<${n}.0> : tensor<8x8xf32>
    %2 = stablehlo.add %1, %c : tensor<8x8xf32>
    %z = stablehlo.constant dense<0.0> : tensor<f32>
    %3 = stablehlo.reduce(%x init: %z) applies stablehlo.add across dimensions = [1] : (tensor<8x8xf32>, tensor<f32>) -> tensor<8xf32>
    return %2, %3 : tensor<8x8xf32>, tensor<8xf32>
  }
}`;

const OUTPUTS = [
  { dtype: 'f32', shape: [8, 8] },
  { dtype: 'f32', shape: [8] },
] as const;

/** Compiles or loads program `n` and runs it on fixed numbers. */
export async function runProgram(
  client: PjrtClient,
  folder: string,
  n = 0,
  options: { maxBytes?: number; asynchronous?: boolean } = {},
): Promise<{ stats: RuntimeStats; results: string[] }> {
  const cache = new ExecutableCache(client, { folder, minCompileMs: 0, maxBytes: options.maxBytes });
  const runtime = new Runtime(client, {}, cache);
  const module = { text: programText(n), parameters: [] };
  const program = options.asynchronous
    ? await runtime.compileAsync(module, OUTPUTS)
    : runtime.compile(module, OUTPUTS);
  const x = client.fromHost(
    Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
    'f32',
    [8, 8],
  );
  const arrays = runtime.execute(program, [x]);
  const results = arrays.map(array => Buffer.from(array.onDevice(client).toHost()).toString('hex'));
  return { stats: runtime.stats, results };
}

if (process.argv[1] === __filename) {
  const [, , plugin, folder] = process.argv;
  const client = PjrtClient.create({ path: plugin, kind: 'cpu', name: 'test', source: 'test' });
  void runProgram(client, folder).then(done => console.log(JSON.stringify(done)));
}
