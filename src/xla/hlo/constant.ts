/** Constants. */
import { check } from './attributes';
import { complex } from './elementwise';
import { type DType, type TensorType, isFloat, sizeOf, typeText } from './types';
import { Value } from './value';

/** Text of an integer: a number without its fraction, NaN as 0, what s32 does not hold as its extremes. */
const integer = (x: number, dtype: DType): string => {
  const [low, high] = dtype === 's32' ? [-(2 ** 31), 2 ** 31 - 1] : [-(2 ** 53), 2 ** 53];
  return String(Math.trunc(Math.max(low, Math.min(high, Number.isNaN(x) ? 0 : x))) || 0);
};

/** Text of one element of a constant. */
function literal(x: number, dtype: DType): string {
  if (dtype === 'pred') return x ? 'true' : 'false';
  if (!isFloat(dtype)) return integer(x, dtype);
  if (Number.isFinite(x)) {
    if (Number.isInteger(x) && Math.abs(x) < 1e15) return Object.is(x, -0) ? '-0.0' : `${x}.0`;
    const text = x.toExponential();
    return text.includes('.') ? text : text.replace('e', '.0e');
  }
  const bits: Partial<Record<DType, [string, string, string]>> = {
    f32: ['0x7F800000', '0xFF800000', '0x7FC00000'],
    bf16: ['0x7F80', '0xFF80', '0x7FC0'],
    f16: ['0x7C00', '0xFC00', '0x7E00'],
    f64: ['0x7FF0000000000000', '0xFFF0000000000000', '0x7FF8000000000000'],
  };
  return bits[dtype]![Number.isNaN(x) ? 2 : x > 0 ? 0 : 1];
}

/** A constant with all elements equal to `x`. */
export function fill(x: number, type: TensorType): Value {
  if (type.dtype === 'c64')
    return complex(
      fill(x, { dtype: 'f32', shape: type.shape }),
      fill(0, { dtype: 'f32', shape: type.shape }),
    );
  return new Value('constant', [], type.dtype, type.shape, { value: literal(x, type.dtype) });
}

export function scalar(x: number, dtype: DType = 'f32'): Value {
  return fill(x, { dtype, shape: [] });
}

/** A constant from its elements in row-major order. */
export function constant(values: ArrayLike<number>, type: TensorType): Value {
  check(
    values.length === sizeOf(type.shape),
    'constant',
    () => `${values.length} values for ${typeText(type)}`,
  );
  if (values.length === 0 || type.shape.length === 0) {
    return values.length === 0
      ? new Value('constant', [], type.dtype, type.shape, { value: '' })
      : fill(values[0], type);
  }
  const nest = (axis: number, start: number, count: number): string => {
    if (axis === type.shape.length) return literal(values[start], type.dtype);
    const step = count / type.shape[axis];
    const parts: string[] = [];
    for (let i = 0; i < type.shape[axis]; i++) parts.push(nest(axis + 1, start + i * step, step));
    return `[${parts.join(', ')}]`;
  };
  return new Value('constant', [], type.dtype, type.shape, { value: nest(0, 0, values.length) });
}
