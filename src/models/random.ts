/** Seeded random numbers for initial weights, drawn on the host into typed arrays. */

// Looked up once: in jest's sandbox each look-up of the global costs more than the arithmetic.
const cos = Math.cos;
const log = Math.log;
const sin = Math.sin;
const sqrt = Math.sqrt;

/** A source of 32-bit words. */
export type WordSource = () => number;

/**
 * The small fast counter generator sfc32 (Doty-Humphrey, PractRand), seeded by four words.
 * @returns a function that gives the next unsigned 32-bit integer.
 */
export function sfc32(a: number, b: number, c: number, counter: number): WordSource {
  const next = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next(); // the author's warm-up: seeds that differ in one bit part ways
  return next;
}

/** 32-bit FNV-1a of a string, so that a layer's draws depend on its name and not on the order of construction. */
export function hashString(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/**
 * Fills `out` with draws from N(0, std²) (Box–Muller, both of the pair used).
 * @param out array to fill; @param std standard deviation; @param next the words to draw from.
 */
export function fillNormal(out: Float32Array, std: number, next: WordSource): void {
  for (let i = 0; i < out.length; i += 2) {
    const radius = std * sqrt(-2 * log((next() + 1) / 4294967296)); // (0, 1]: never log 0
    const angle = (2 * Math.PI * next()) / 4294967296;
    out[i] = radius * cos(angle);
    if (i + 1 < out.length) out[i + 1] = radius * sin(angle);
  }
}
