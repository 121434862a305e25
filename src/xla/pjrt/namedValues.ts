/** PJRT_NamedValue: how options go to a plugin's client and attributes come from it. */
import { addressOf, bytesAt, textAt } from './memory';

export type NamedValue = string | number | boolean | readonly number[];

/** Type, as PJRT_NamedValue_Type numbers it. */
const STRING = 0;
const INT64 = 1;
const INT64_LIST = 2;
const FLOAT = 3;
const BOOL = 4;
/** Bytes of the struct as long as it has been in the API; an array's stride, so it cannot be padded. */
const SIZE = 56;
/** Options that are floats even when their value is whole. */
const FLOATS = new Set(['memory_fraction']);

/** Reads a list of attributes, e.g. PJRT_Plugin_Attributes'. */
export function readNamedValues(address: bigint, count: number): Record<string, NamedValue> {
  const values: Record<string, NamedValue> = {};
  for (let i = 0, at = address; i < count; i++) {
    const size = Buffer.from(bytesAt(at, 8)).readBigUInt64LE();
    const entry = Buffer.from(bytesAt(at, Number(size)));
    const name = textAt(entry.readBigUInt64LE(16), entry.readBigUInt64LE(24));
    const [type, length] = [entry.readInt32LE(32), Number(entry.readBigUInt64LE(48))];
    if (type === STRING) values[name] = textAt(entry.readBigUInt64LE(40), length);
    else if (type === INT64) values[name] = Number(entry.readBigInt64LE(40));
    else if (type === INT64_LIST) {
      const list = Buffer.from(bytesAt(entry.readBigUInt64LE(40), 8 * length));
      values[name] = Array.from({ length }, (_, j) => Number(list.readBigInt64LE(8 * j)));
    } else if (type === FLOAT) values[name] = entry.readFloatLE(40);
    else if (type === BOOL) values[name] = entry[40] !== 0;
    at += size;
  }
  return values;
}

/** A list of options; the bytes must be held, with `keep`, until the call that reads them is over. */
export function writeNamedValues(values: Readonly<Record<string, NamedValue>>): {
  bytes: Buffer;
  count: number;
  keep: Buffer[];
} {
  const entries = Object.entries(values);
  const bytes = Buffer.alloc(Math.max(1, entries.length) * SIZE);
  const keep: Buffer[] = [];
  const pointTo = (buffer: Buffer): bigint => {
    keep.push(buffer);
    return addressOf(buffer);
  };
  entries.forEach(([name, value], i) => {
    const entry = bytes.subarray(i * SIZE, (i + 1) * SIZE);
    const key = Buffer.from(name, 'utf8');
    entry.writeBigUInt64LE(BigInt(SIZE), 0);
    entry.writeBigUInt64LE(pointTo(key), 16);
    entry.writeBigUInt64LE(BigInt(key.length), 24);
    let length = 1;
    if (typeof value === 'string') {
      const said = Buffer.from(value, 'utf8');
      entry.writeInt32LE(STRING, 32);
      entry.writeBigUInt64LE(pointTo(Buffer.concat([said, Buffer.alloc(1)])), 40);
      length = said.length;
    } else if (typeof value === 'boolean') {
      entry.writeInt32LE(BOOL, 32);
      entry[40] = value ? 1 : 0;
    } else if (typeof value !== 'number') {
      const list = Buffer.alloc(8 * Math.max(1, value.length));
      value.forEach((n, j) => list.writeBigInt64LE(BigInt(n), 8 * j));
      entry.writeInt32LE(INT64_LIST, 32);
      entry.writeBigUInt64LE(pointTo(list), 40);
      length = value.length;
    } else if (Number.isInteger(value) && !FLOATS.has(name)) {
      entry.writeInt32LE(INT64, 32);
      entry.writeBigInt64LE(BigInt(value), 40);
    } else {
      entry.writeInt32LE(FLOAT, 32);
      entry.writeFloatLE(value, 40);
    }
    entry.writeBigUInt64LE(BigInt(length), 48);
  });
  return { bytes, count: entries.length, keep };
}
