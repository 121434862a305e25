/** Writes protocol-buffer messages (https://protobuf.dev/programming-guides/encoding), as far as PJRT's options need. */

/** One encoded field; a message is its fields, joined. */
export type Field = Buffer;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value)); // a negative int64 takes ten bytes
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const tag = (field: number, wire: number): Buffer => varint((field << 3) | wire);

/** int32, int64, enum. */
export const int = (field: number, value: number | bigint): Field =>
  Buffer.concat([tag(field, VARINT), varint(value)]);

export const bool = (field: number, value: boolean): Field => int(field, value ? 1 : 0);

export function double(field: number, value: number): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, FIXED64), bytes]);
}

export function text(field: number, value: string): Field {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([tag(field, BYTES), varint(bytes.length), bytes]);
}

/** repeated int64, packed. */
export function ints(field: number, values: readonly number[]): Field {
  const bytes = Buffer.concat(values.map(varint));
  return Buffer.concat([tag(field, BYTES), varint(bytes.length), bytes]);
}

/** A message inside a message. */
export function message(field: number, ...fields: readonly Field[]): Field {
  const bytes = Buffer.concat(fields);
  return Buffer.concat([tag(field, BYTES), varint(bytes.length), bytes]);
}
