import { encodeCompileOptions } from '../../../src/xla/pjrt';

const hex = (options?: Parameters<typeof encodeCompileOptions>[0]): string =>
  encodeCompileOptions(options).toString('hex');

test('without options: any device, one replica, one partition', () => {
  expect(hex()).toBe('1a0f' + '08ffffffffffffffffff01' + '2001' + '2801');
});

test('partitions: SPMD, and a device for each', () => {
  // device_assignment (9): replica_count 1, computation_count 2, and twice a computation's packed device ids
  const assignment = '4a0e' + '0801' + '1002' + '1a030a0100' + '1a030a0101';
  expect(hex({ partitions: 2 })).toBe(
    '1a21' + '08ffffffffffffffffff01' + '2001' + '2802' + '3001' + assignment,
  );
  expect(hex({ partitions: 2, devices: [0, 1] })).toBe(hex({ partitions: 2 }));
  expect(hex({ partitions: 2, devices: [1, 300] })).toContain('1a030a0101' + '1a040a02ac02');
  expect(() => hex({ partitions: 2, devices: [0] })).toThrow('2 partitions need as many devices, not 1');
  expect(() => hex({ partitions: 0 })).toThrow('partitions is 0');
});

test('flags by type, in one order', () => {
  const flags = hex({ flags: { b: true, i: 300, f: 0.5, s: 'x' } });
  expect(flags).toContain('3a07' + '0a0162' + '12021001'); // bool_field
  expect(flags).toContain('3a08' + '0a0169' + '120318ac02'); // int_field
  expect(flags).toContain('3a0e' + '0a0166' + '120921000000000000e03f'); // double_field
  expect(flags).toContain('3a08' + '0a0173' + '12030a0178'); // string_field
  expect(hex({ flags: { s: 'x', f: 0.5, i: 300, b: true } })).toBe(flags);
});
