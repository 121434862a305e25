/** The polynomials of two check sums, bits reversed. */
const POLYNOMIALS = {
  /** CRC-32 of zip archives and PNG (ISO 3309). */
  iso: 0xedb88320,
  /** CRC-32C of TFRecord (RFC 3720, appendix B.4). */
  castagnoli: 0x82f63b78,
} as const;

function table(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    return crc;
  });
}

function checkSum(polynomial: number): (bytes: Uint8Array) => number {
  const steps = table(polynomial);
  return bytes => {
    let crc = 0xffffffff;
    for (let i = 0; i < bytes.length; i++) crc = steps[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
    return ~crc >>> 0;
  };
}

/** CRC-32 as zip archives have it. */
export const crc32 = checkSum(POLYNOMIALS.iso);

/** CRC-32C as TFRecord has it. */
export const crc32c = checkSum(POLYNOMIALS.castagnoli);
