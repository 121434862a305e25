/** Matrix products. */
import { util } from '@tensorflow/tfjs-core';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { type ActivationAttrs, epilogue } from './activation';
import { commonShape } from './broadcast';
import { define } from './define';
import { factor, productPrecision } from './precision';

interface MatMulAttrs extends ActivationAttrs {
  transposeA: boolean;
  transposeB: boolean;
}

/** `a·b` over the last two axes, the leading (batch) axes broadcast. */
function matMul(left: Value, right: Value, attrs: MatMulAttrs): Value {
  const [a, b] = [left, right].map(v => (v.dtype === 'pred' ? hlo.convert(v, 's32') : v));
  util.assert(
    a.rank >= 2 && b.rank >= 2,
    () => `A matrix product takes matrices, not [${a.shape}] and [${b.shape}].`,
  );
  const integer = !hlo.isFloat(a.dtype);
  const [x, y] = integer ? [a, b] : [factor(a), factor(b)];
  const batch = commonShape(x.shape.slice(0, -2), y.shape.slice(0, -2));
  const full = (v: Value): Value => hlo.broadcastTo(v, [...batch, ...v.shape.slice(-2)]);
  const axes = batch.map((_, i) => i);
  const n = batch.length;
  // A batch of one is a plain product, which XLA's CPU and GPU back ends know best.
  const single = batch.every(d => d === 1);
  const [lhs, rhs] = single
    ? [hlo.reshape(x, x.shape.slice(-2)), hlo.reshape(y, y.shape.slice(-2))]
    : [full(x), full(y)];
  const offset = single ? 0 : n;
  const product = hlo.dotGeneral(lhs, rhs, {
    lhsBatch: single ? [] : axes,
    rhsBatch: single ? [] : axes,
    lhsContract: [offset + (attrs.transposeA ? 0 : 1)],
    rhsContract: [offset + (attrs.transposeB ? 1 : 0)],
    precision: productPrecision(),
  });
  return single ? hlo.reshape(product, [...batch, ...product.shape]) : product;
}

define<MatMulAttrs>('BatchMatMul', ({ a, b }, attrs) => matMul(a, b, attrs));
define<MatMulAttrs>('_FusedMatMul', (inputs, attrs) =>
  epilogue(matMul(inputs.a, inputs.b, attrs), inputs, attrs),
);
