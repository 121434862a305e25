/** Einstein's summation over any number of factors. */
import { backend_util } from '@tensorflow/tfjs-core';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { define, listOf } from './define';
import { factor, productPrecision } from './precision';

/** A value and the letter, as a number, of each of its axes. */
interface Factor {
  readonly value: Value;
  readonly axes: readonly number[];
}

/** Sums over the axes that are not to be kept. */
function sumOut({ value, axes }: Factor, keep: (axis: number) => boolean): Factor {
  const summed = axes.flatMap((axis, i) => (keep(axis) ? [] : [i]));
  return { value: hlo.sum(value, summed), axes: axes.filter(keep) };
}

/** The product of two factors, summed over the common axes that nothing else has. */
function product(a: Factor, b: Factor, keep: (axis: number) => boolean): Factor {
  const x = sumOut(a, axis => keep(axis) || b.axes.includes(axis));
  const y = sumOut(b, axis => keep(axis) || a.axes.includes(axis));
  const common = x.axes.filter(axis => y.axes.includes(axis));
  const batch = common.filter(keep);
  const contracted = common.filter(axis => !keep(axis));
  const placeIn = (f: Factor, which: readonly number[]): number[] => which.map(axis => f.axes.indexOf(axis));
  const value = hlo.dotGeneral(x.value, y.value, {
    lhsBatch: placeIn(x, batch),
    rhsBatch: placeIn(y, batch),
    lhsContract: placeIn(x, contracted),
    rhsContract: placeIn(y, contracted),
    precision: productPrecision(),
  });
  const free = [...x.axes, ...y.axes].filter(axis => !common.includes(axis));
  return { value, axes: [...batch, ...free] };
}

define<{ equation: string }>('Einsum', (inputs, { equation }) => {
  const values = listOf(inputs);
  const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, values.length);
  backend_util.checkEinsumDimSizes(allDims.length, idDims, values as never);
  const factors = values.map((v, i) => ({ value: hlo.isFloat(v.dtype) ? factor(v) : v, axes: idDims[i] }));
  const isOutput = (axis: number): boolean => !summedDims.includes(axis);
  let result: Factor = factors[0];
  for (let i = 1; i < factors.length; i++) {
    const later = factors.slice(i + 1).flatMap(f => f.axes);
    result = product(result, factors[i], axis => isOutput(axis) || later.includes(axis));
  }
  result = sumOut(result, isOutput);
  const order = [...result.axes].sort((a, b) => a - b);
  return hlo.transpose(
    result.value,
    order.map(axis => result.axes.indexOf(axis)),
  );
});
