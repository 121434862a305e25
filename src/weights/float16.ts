/** Conversions between float32 and the 16-bit floats of weight files, as raw bits. */

const asFloat = new Float32Array(1);
const asBits = new Uint32Array(asFloat.buffer);

/**
 * float32 → IEEE 754 binary16, round to nearest, ties to even.
 * @returns the 16 bits; values beyond ±65504 become infinities.
 */
export function float16Bits(value: number): number {
  asFloat[0] = value;
  const bits = asBits[0];
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (fraction ? 0x200 : 0);
  const shifted = exponent - 112; // bias 127 → bias 15
  if (shifted >= 31) return sign | 0x7c00;
  if (shifted <= 0) {
    if (shifted < -10) return sign;
    return sign | roundedShift(fraction | 0x800000, 14 - shifted); // subnormal: the hidden bit becomes visible
  }
  return sign | ((shifted << 10) + roundedShift(fraction, 13)); // a carry out of the fraction raises the exponent, as it should
}

function roundedShift(value: number, shift: number): number {
  const half = 2 ** (shift - 1);
  const kept = Math.floor(value / (2 * half));
  const rest = value - kept * 2 * half;
  return rest > half || (rest === half && kept & 1) ? kept + 1 : kept;
}

/** IEEE 754 binary16 bits → number, exactly. */
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 bits → number, exactly. */
export function fromBfloat16Bits(bits: number): number {
  asBits[0] = bits << 16;
  return asFloat[0];
}
