/** The part of Protocol Buffers' wire format that event files need: a message is its fields, one after another. */

/** One encoded field. */
export type Field = Buffer;

/** A whole number of at least 0, below 2⁵³, in groups of seven bits, the lowest first. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

const tag = (field: number, wireType: number): Buffer => varint(field * 8 + wireType);

/** int32, int64, bool or enum; `value` is a whole number of at least 0. */
export function integer(field: number, value: number): Field {
  return Buffer.concat([tag(field, 0), varint(value)]);
}

/** double */
export function double(field: number, value: number): Field {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([tag(field, 1), bytes]);
}

/** float */
export function float(field: number, value: number): Field {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([tag(field, 5), bytes]);
}

/** string (as UTF-8), bytes, or a message given by its fields. */
export function delimited(field: number, value: string | Uint8Array | readonly Field[]): Field {
  const bytes =
    typeof value === 'string'
      ? Buffer.from(value)
      : value instanceof Uint8Array
        ? value
        : Buffer.concat(value);
  return Buffer.concat([tag(field, 2), varint(bytes.length), bytes]);
}
