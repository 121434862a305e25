import * as fs from 'fs';
import { decodeSafetensors, encodeSafetensors, type NamedArrays } from '../../src/weights';
import { float16Bits, fromFloat16Bits } from '../../src/weights/float16';
import { python, temporaryFolder, testWithPython } from './helpers';

const folder = temporaryFolder();

const arrays = (): NamedArrays =>
  new Map([
    ['bias', { shape: [3], data: Float32Array.of(0.1, -2, 65519) }],
    ['stage1/conv/kernel', { shape: [2, 2], data: Float32Array.of(1, 0.1, -1e-7, 65504) }],
    ['scalar', { shape: [], data: Float32Array.of(Math.PI) }],
  ]);

test('f32: what is written comes back to the bit', () => {
  const bytes = encodeSafetensors(arrays(), { metadata: { model: 'test' } });
  expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
  expect(decodeSafetensors(bytes, 'x')).toEqual({ tensors: arrays(), metadata: { model: 'test' } });
});

test('f16: kernels are rounded to the nearest half, vectors stay', () => {
  const { tensors } = decodeSafetensors(encodeSafetensors(arrays(), { dtype: 'f16' }), 'x');
  expect(tensors.get('bias')).toEqual(arrays().get('bias'));
  expect(tensors.get('stage1/conv/kernel')!.data).toEqual(Float32Array.of(1, 0.0999755859375, -(2 ** -23), 65504));
});

test('f16: a value beyond its range is refused by name', () => {
  const big: NamedArrays = new Map([['k', { shape: [1, 1], data: Float32Array.of(65520) }]]);
  expect(() => encodeSafetensors(big, { dtype: 'f16' })).toThrow("'k' holds 65520, too large for f16; save as f32.");
});

test('every half survives the way to float32 and back', () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const isNaN = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
    if (!isNaN) expect(float16Bits(fromFloat16Bits(bits))).toBe(bits);
  }
});

const numpy = testWithPython('numpy');

numpy('halves round as numpy rounds', () => {
  const values = Array.from({ length: 4000 }, (_, i) => Math.fround(Math.sin(i) * 2 ** ((i % 48) - 30)));
  const program =
    'import json, sys, numpy as n; v = n.array(json.loads(sys.argv[1]), n.float32); print(v.astype(n.float16).view(n.uint16).tolist())';
  expect(values.map(float16Bits)).toEqual(python(program, JSON.stringify(values)));
});

const reference = testWithPython('safetensors.numpy');

reference.each(['f32', 'f16'] as const)('the reference implementation reads our %s files', dtype => {
  const file = folder.file(`${dtype}.safetensors`);
  fs.writeFileSync(file, encodeSafetensors(arrays(), { dtype, metadata: { model: 'test' } }));
  const program = `
import json, sys
from safetensors import safe_open
with safe_open(sys.argv[1], "numpy") as f:
    print(json.dumps([f.metadata(), {k: [str(f.get_tensor(k).dtype), list(f.get_tensor(k).shape), f.get_tensor(k).astype("float64").ravel().tolist()] for k in f.keys()}]))`;
  const [metadata, read] = python(program, file) as [object, Record<string, [string, number[], number[]]>];
  expect(metadata).toEqual({ model: 'test' });
  expect(Object.keys(read).sort()).toEqual([...arrays().keys()].sort());
  expect(read['stage1/conv/kernel'].slice(0, 2)).toEqual([dtype === 'f16' ? 'float16' : 'float32', [2, 2]]);
  const ours = decodeSafetensors(fs.readFileSync(file), file).tensors;
  for (const [name, [, , values]] of Object.entries(read)) expect([...ours.get(name)!.data]).toEqual(values);
});

reference('we read the files of the reference implementation', () => {
  const file = folder.file('theirs.safetensors');
  const program = `
import sys, numpy as n
from safetensors.numpy import save_file
v = n.array([[1, -2.5, 3]])
save_file({t: v.astype(t) for t in ["float16", "float32", "float64", "int8", "int64"]}, sys.argv[1])`;
  python(program, file);
  const { tensors } = decodeSafetensors(fs.readFileSync(file), file);
  for (const type of ['float16', 'float32', 'float64'])
    expect(tensors.get(type)).toEqual({ shape: [1, 3], data: Float32Array.of(1, -2.5, 3) });
  for (const type of ['int8', 'int64'])
    expect(tensors.get(type)).toEqual({ shape: [1, 3], data: Float32Array.of(1, -2, 3) });
});

describe('damaged files are refused by name', () => {
  const file = (header: string, dataBytes: number): Uint8Array => {
    const json = Buffer.from(header);
    const bytes = Buffer.alloc(8 + json.length + dataBytes);
    bytes.writeBigUInt64LE(BigInt(json.length));
    json.copy(bytes, 8);
    return bytes;
  };
  const entry = (dtype: string, shape: string, offsets: string) =>
    `{"a":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;
  test.each([
    ['nothing', new Uint8Array(0), /0 bytes are no safetensors file/],
    ['another format', Buffer.from('PK\x03\x04 no safetensors at all'), /header is longer than the file/],
    ['no JSON', file('{"a":', 0), /is no JSON/],
    ['cut off', file(entry('F32', '[4]', '[0,16]'), 12), /may be cut off/],
    ['a gap', file(entry('F32', '[1]', '[4,8]'), 8), /overlap or leave a gap/],
    ['too long', file(entry('F32', '[1]', '[0,4]'), 8), /holds 8 bytes of data, its header tells of 4/],
    ['an unknown type', file(entry('F8_E5M2', '[1]', '[0,1]'), 1), /unsupported type F8_E5M2/],
    ['a negative size', file(entry('F32', '[-1]', '[0,4]'), 4), /entry 'a' is malformed/],
    ['a wrong size', file(entry('F32', '[3]', '[0,4]'), 4), /does not fit its place/],
  ])('%s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'w.safetensors')).toThrow(message);
    expect(() => decodeSafetensors(bytes, 'w.safetensors')).toThrow(/^w\.safetensors: .*get the file anew/);
  });
});
