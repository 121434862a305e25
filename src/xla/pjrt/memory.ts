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

/** A struct exactly so long: size and extension slots, then these. For structs inside of structs. */
export function fixedStruct(...slots: Slot[]): Buffer {
  const bytes = Buffer.alloc((slots.length + 2) * SLOT);
  bytes.writeBigUInt64LE(BigInt(bytes.length), 0);
  slots.forEach((slot, i) => bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(slot)), (i + 2) * SLOT));
  return bytes;
}

/** The struct of a call: as `fixedStruct`, and room for what newer versions of the API may add. */
export function struct(...slots: Slot[]): Buffer {
  return fixedStruct(...slots, ...(Array(SPARE).fill(0) as number[]));
}

/** Slot `i` of a struct, counted after size and extension. */
export const slotOf = (bytes: Buffer, i: number): bigint => bytes.readBigUInt64LE((i + 2) * SLOT);

/** A C array of addresses. */
export function pointers(list: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(SLOT * Math.max(1, list.length));
  list.forEach((pointer, i) => bytes.writeBigUInt64LE(pointer, SLOT * i));
  return bytes;
}

/** The addresses in a C array of `count` of them. */
export function pointersAt(address: bigint, count: number): bigint[] {
  const bytes = Buffer.from(bytesAt(address, SLOT * count));
  return Array.from({ length: count }, (_, i) => bytes.readBigUInt64LE(SLOT * i));
}
