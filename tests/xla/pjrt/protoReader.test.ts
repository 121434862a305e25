import { readMessage } from '../../../src/xla/pjrt/protoReader';

test('bytes that end within a number are refused', () => {
  expect(() => readMessage(Buffer.from([0x80]))).toThrow(RangeError);
  expect(() => readMessage(Buffer.from([0x08, 0x96]))).toThrow(/the bytes end within a number/);
  expect(readMessage(Buffer.from([0x08, 0x96, 0x01])).get(1)).toEqual([150n]);
});
