/** Reads protocol-buffer messages without their schema: fields by number. */

/** A message's fields: number → values, in order; length-delimited ones as bytes. */
export type Message = ReadonlyMap<number, readonly (bigint | Buffer)[]>;

function readVarint(bytes: Buffer, at: number): [bigint, number] {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++];
    if (byte === undefined) throw new RangeError(`the bytes end within a number, at ${at - 1}`);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at];
  }
}

/** @throws RangeError when the bytes are no message */
export function readMessage(bytes: Buffer): Message {
  const fields = new Map<number, (bigint | Buffer)[]>();
  let at = 0;
  while (at < bytes.length) {
    const [tag, next] = readVarint(bytes, at);
    at = next;
    let value: bigint | Buffer;
    const wire = Number(tag & 7n);
    if (wire === 0) [value, at] = readVarint(bytes, at);
    else if (wire === 1) value = bytes.readBigUInt64LE((at += 8) - 8);
    else if (wire === 5) value = BigInt(bytes.readUInt32LE((at += 4) - 4));
    else if (wire === 2) {
      const [length, start] = readVarint(bytes, at);
      at = start + Number(length);
      value = bytes.subarray(start, at);
    } else throw new RangeError(`wire type ${wire} at byte ${at}`);
    const field = Number(tag >> 3n);
    const values = fields.get(field);
    if (values) values.push(value);
    else fields.set(field, [value]);
  }
  return fields;
}

/** A field that is a string; '' when absent. */
export const textOf = (message: Message, field: number): string =>
  (message.get(field)?.[0] as Buffer | undefined)?.toString('utf8') ?? '';

/** A field that is a number; `otherwise` when absent. */
export const numberOf = (message: Message, field: number, otherwise = 0): number =>
  Number(BigInt.asIntN(64, (message.get(field)?.[0] as bigint | undefined) ?? BigInt(otherwise)));

/** A repeated field of numbers, packed or not. */
export function numbersOf(message: Message, field: number): number[] {
  return (message.get(field) ?? []).flatMap(value => {
    if (typeof value === 'bigint') return [Number(BigInt.asIntN(64, value))];
    const numbers: number[] = [];
    for (let at = 0; at < value.length;) {
      const [number, next] = readVarint(value, at);
      numbers.push(Number(BigInt.asIntN(64, number)));
      at = next;
    }
    return numbers;
  });
}

/** A field of messages. */
export const messagesOf = (message: Message, field: number): Message[] =>
  (message.get(field) ?? []).map(value => readMessage(value as Buffer));
