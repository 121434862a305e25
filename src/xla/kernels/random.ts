/** Threefry as a program: see ../random. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { THREEFRY, threefry } from '../random';
import { define } from './define';

define<{ shape: number[] }>(THREEFRY, ({ seed }, { shape }) => {
  const size = hlo.sizeOf(shape);
  const half = Math.max(1, Math.ceil(size / 2));
  const type: hlo.TensorType = { dtype: 'u32', shape: [half] };
  const constant = (x: number): Value => hlo.fill(x >>> 0, type);
  const key = (i: number): Value =>
    hlo.broadcastTo(hlo.reshape(hlo.bitcast(hlo.slice(seed, [i], [i + 1]), 'u32'), []), [half]);
  const word = {
    add: hlo.add,
    xor: hlo.xor,
    constant,
    rotate: (a: Value, by: number): Value =>
      hlo.or(hlo.shiftLeft(a, constant(by)), hlo.shiftRightLogical(a, constant(32 - by))),
  };
  const index = hlo.iota(type, 0);
  const bits = hlo.concatenate(threefry([key(0), key(1)], [index, hlo.add(index, constant(half))], word), 0);
  const all: hlo.TensorType = { dtype: 'u32', shape: bits.shape };
  const top = hlo.convert(hlo.shiftRightLogical(bits, hlo.fill(8, all)), 'f32');
  const uniform = hlo.mul(top, hlo.fill(2 ** -24, top));
  return hlo.reshape(hlo.slice(uniform, [0], [size]), shape);
});
