import { parameter } from '../../src/xla/hlo';
import * as hlo from '../../src/xla/hlo';
import { DeviceArray } from '../../src/xla/deviceArray';
import { compileParts, makeParts, runParts } from '../../src/xla/parts';
import { discoverPlugins, PjrtClient } from '../../src/xla/pjrt';
import { Runtime } from '../../src/xla/runtime';

test('a function whose program had to make room for others is compiled again', () => {
  const client = PjrtClient.create(discoverPlugins().found.find(({ kind }) => kind === 'cpu')!);
  const runtime = new Runtime(client, {}, undefined, [], 1);
  const type = { dtype: 'f32', shape: [2] } as const;
  const plus = (x: number) => {
    const input = parameter(type, { free: () => undefined });
    const root = hlo.add(input, hlo.fill(x, type));
    return makeParts(runtime, [root], {
      ...{ name: 'plus', placeholders: [input], updateOf: new Map(), splitAxis: () => undefined },
    });
  };
  const run = ({ parts, roots }: ReturnType<typeof plus>): number[] => {
    compileParts(runtime, parts);
    const input = DeviceArray.fromHost(type, Float32Array.from([1, 2]));
    const [result] = runParts(runtime, parts, roots, [input], () => false);
    return [...new Float32Array(result.onDevice(client).toHost().buffer)];
  };
  const [ten, twenty] = [plus(10), plus(20)];
  expect([run(ten), run(twenty), run(ten)]).toEqual([
    [11, 12],
    [21, 22],
    [11, 12],
  ]);
  expect(runtime.stats.compiled).toBe(3);
});
