import { strFromU8, unzipSync } from 'fflate';
import { crc32 } from '../crc32';

/** Fixed parts of an archive (PKWARE's APPNOTE, 4.3): signature and length of each. */
const END = { signature: 0x06054b50, length: 22 };
const END64_LOCATOR = { signature: 0x07064b50, length: 20 };
const END64 = { signature: 0x06064b50 };
const ENTRY = { length: 46 };
const UTF8_NAME = 0x800;

/**
 * The files of a zip archive, each compared with its check sum, which fflate passes over.
 * @throws Error when the bytes are no archive, or it is damaged
 */
export function unzip(bytes: Uint8Array): Record<string, Uint8Array> {
  const files = unzipSync(bytes);
  for (const [name, sum] of checkSums(bytes)) {
    if (crc32(files[name]) !== sum) throw new Error(`the check sum of '${name}' differs`);
  }
  return files;
}

/** Name → CRC-32, as the archive's central directory has it. */
function checkSums(bytes: Uint8Array): Map<string, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sums = new Map<string, number>();
  const { count, offset } = directory(view);
  let at = offset;
  for (let i = 0; i < count; i++) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map(field => view.getUint16(at + field, true));
    const latin1 = (view.getUint16(at + 8, true) & UTF8_NAME) === 0;
    const name = strFromU8(bytes.subarray(at + ENTRY.length, at + ENTRY.length + nameLength), latin1);
    sums.set(name, view.getUint32(at + 16, true));
    at += ENTRY.length + nameLength + extraLength + commentLength;
  }
  return sums;
}

/** Where the central directory begins, and how many entries it has. */
function directory(view: DataView): { count: number; offset: number } {
  let end = view.byteLength - END.length; // a comment may come after it
  while (view.getUint32(end, true) !== END.signature) end--;
  const locator = end - END64_LOCATOR.length;
  if (locator >= 0 && view.getUint32(locator, true) === END64_LOCATOR.signature) {
    const end64 = Number(view.getBigUint64(locator + 8, true));
    if (view.getUint32(end64, true) === END64.signature) {
      const [count, offset] = [32, 48].map(field => Number(view.getBigUint64(end64 + field, true)));
      return { count, offset };
    }
  }
  return { count: view.getUint16(end + 8, true), offset: view.getUint32(end + 16, true) };
}
