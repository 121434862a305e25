/** Addresses and structs: PJRT's functions take one struct of 8-byte slots that begins with its size and an extension pointer. */
import * as koffi from 'koffi';

/** A slot of a struct: a number or an address. */
export type Slot = bigint | number;

const SLOT = 8;
/** Empty slots after those we know. A newer plugin, whose structs have grown, finds its new fields there, unset. */
const SPARE = 8;

/** Address of a buffer's bytes. */
export const addressOf = (bytes: Uint8Array): bigint => koffi.address(bytes) as bigint;

/** Copies `size` bytes at an address. */
export function bytesAt(address: bigint, size: number): Uint8Array {
  return size === 0 ? new Uint8Array(0) : new Uint8Array(koffi.view(address, size)).slice();
}

export const textAt = (address: bigint, size: Slot): string =>
  Buffer.from(bytesAt(address, Number(size))).toString('utf8');

/** Size and extension slots, then these, then empty ones. */
function filled(slots: readonly Slot[], spare: number): Buffer {
  const words = new BigUint64Array(2 + slots.length + spare);
  words[0] = BigInt(words.byteLength);
  slots.forEach((slot, i) => (words[i + 2] = BigInt(slot)));
  return Buffer.from(words.buffer);
}

/** A struct exactly so long. For structs inside of structs. */
export const fixedStruct = (...slots: Slot[]): Buffer => filled(slots, 0);

/** The struct of a call, with room for what newer versions of the API may add. */
export const struct = (...slots: Slot[]): Buffer => filled(slots, SPARE);

/** Slot `i` of a struct, counted after size and extension. */
export const slotOf = (bytes: Buffer, i: number): bigint => bytes.readBigUInt64LE((i + 2) * SLOT);

/** A C array of addresses. */
export function pointers(list: readonly bigint[]): Buffer {
  const words = new BigUint64Array(Math.max(1, list.length));
  words.set(list);
  return Buffer.from(words.buffer);
}

/** Sets slot `i` of a struct, for one that many calls share. */
export const setSlot = (bytes: Buffer, i: number, slot: bigint): unknown =>
  bytes.writeBigUInt64LE(slot, (i + 2) * SLOT);

/** The addresses in a C array of `count` of them. */
export function pointersAt(address: bigint, count: number): bigint[] {
  const bytes = Buffer.from(bytesAt(address, SLOT * count));
  return Array.from({ length: count }, (_, i) => bytes.readBigUInt64LE(SLOT * i));
}
