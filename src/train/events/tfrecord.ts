/** TFRecord framing: length (u64), its check sum (u32), data, its check sum (u32); all little-endian. */
import { crc32c } from '../../crc32';

/** The check sum as TFRecord stores it: rotated and shifted, so that data that holds check sums stays well covered. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One record around `data`. */
export function frame(data: Uint8Array): Buffer {
  const record = Buffer.alloc(12 + data.length + 4);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc32c(data), 12 + data.length);
  return record;
}
