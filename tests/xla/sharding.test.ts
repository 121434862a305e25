import { spawnSync } from 'child_process';
import * as path from 'path';
import { discoverPlugins, PjrtClient } from '../../src/xla/pjrt';
import { checkSharding, splitAttribute, splitBytes } from '../../src/xla/sharding';

test('an argument is split along one axis', () => {
  expect(splitAttribute(4, 0, 8)).toBe('mhlo.sharding = "{devices=[8,1,1,1]<=[8]}"');
  expect(splitAttribute(2, 1, 2)).toBe('mhlo.sharding = "{devices=[1,2]<=[2]}"');
});

test('row-major data is cut along any axis', () => {
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => i); // [2, 4, 3]
  expect(splitBytes(bytes, [2, 4, 3], 0, 2).map(part => [...part])).toEqual([
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
  ]);
  expect(splitBytes(bytes, [2, 4, 3], 1, 2).map(part => [...part])).toEqual([
    [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17],
    [6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 23],
  ]);
});

const plugin = discoverPlugins().found.find(candidate => candidate.kind === 'cpu');
const withPlugin = plugin ? describe : describe.skip;

withPlugin('on the CPU plugin', () => {
  interface Run {
    losses: number[];
    sum: number;
    collectives: number;
    devices: number;
  }
  const run = (devices: number): Run => {
    const script = path.join(__dirname, 'shardingProgram.ts');
    const args = ['--import', 'tsx', script, plugin!.path, String(devices), '20'];
    const child = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (child.status !== 0) throw new Error(child.stderr);
    return JSON.parse(child.stdout.trim().split('\n').pop()!) as Run;
  };

  test('20 steps on 2 and on 4 devices have the losses of one device', () => {
    const one = run(1);
    expect(one).toMatchObject({ devices: 1, collectives: 0 });
    expect(one.losses[19]).toBeLessThan(one.losses[0] - 0.5);
    for (const devices of [2, 4]) {
      const several = run(devices);
      expect(several.devices).toBe(devices);
      expect(several.collectives).toBeGreaterThan(10); // gradients and batch statistics
      several.losses.forEach((loss, i) => expect(Math.abs(loss - one.losses[i])).toBeLessThan(1e-4));
      expect(Math.abs(several.sum - one.sum)).toBeLessThan(1e-2 * Math.abs(one.sum));
    }
  });

  test('too few devices, or a batch that cannot be split, is told', () => {
    const client = PjrtClient.create(plugin!, { cpu_device_count: 2 });
    const types = [{ dtype: 's32', shape: [33] }] as const;
    const check = (devices: number, split: Record<number, number>): (() => void) => {
      return () => checkSharding({ devices, split }, types, client, 'step');
    };
    expect(check(3, {})).toThrow(
      'jit(step): 3 devices are asked for, and there are 2 (useXla({ cpuDevices: 3 })',
    );
    expect(check(0, {})).toThrow('devices is 0');
    expect(check(2, { 0: 0 })).toThrow("argument 0 is [33] and can't be split along axis 0 over 2 devices");
    expect(check(2, { 0: 1 })).toThrow('along axis 1');
    expect(check(2, { 1: 0 })).toThrow('argument 1 does not exist');
    expect(check(2, {})).not.toThrow();
    client.close();
  });
});
