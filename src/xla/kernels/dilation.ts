/** Gray-scale dilation: the largest of what a window covers, a filter added. x [n, h, w, c], filter [kh, kw, c]. */
import { backend_util } from '@tensorflow/tfjs-core';
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { like } from './broadcast';
import { define } from './define';
import { type Axis, axes2D } from './geometry';
import { largest, outsideOf, placesOf, taps, untap } from './taps';

interface DilationAttrs {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number;
  dilations: [number, number] | number;
}

function axesOf(x: Value, filter: Value, { strides, pad, dilations }: DilationAttrs): readonly Axis[] {
  return axes2D(
    backend_util.computeDilation2DInfo(
      x.shape as [number, number, number, number],
      filter.shape as [number, number, number],
      strides,
      pad,
      'NHWC',
      dilations,
    ),
  );
}

/** At each place of the window the image plus the filter. */
function sums(x: Value, filter: Value, axes: readonly Axis[]): Value[] {
  const [places, c] = [placesOf(axes).length, x.shape[3]];
  const rows = hlo.reshape(filter.dtype === x.dtype ? filter : hlo.convert(filter, x.dtype), [places, c]);
  return taps(x, axes, outsideOf(x)).map((tap, place) => {
    const at = hlo.reshape(hlo.slice(rows, [place, 0], [place + 1, c]), [c]);
    return hlo.add(tap, hlo.broadcastInDim(at, tap.shape, [3]));
  });
}

/** dy where the largest sum of the window is at this place, 0 elsewhere; of equal ones the first counts. */
function shares({ x, filter, dy }: Record<string, Value>, axes: readonly Axis[]): Value[] {
  const { index } = largest(sums(x, filter, axes));
  return placesOf(axes).map((_, place) =>
    hlo.select(hlo.compare(index, like(index, place), 'EQ'), dy, like(dy, 0)),
  );
}

define<DilationAttrs>(
  'Dilation2D',
  ({ x, filter }, attrs) => largest(sums(x, filter, axesOf(x, filter, attrs))).value,
);

define<DilationAttrs>('Dilation2DBackpropInput', (inputs, attrs) => {
  const { x, filter } = inputs;
  const axes = axesOf(x, filter, attrs);
  return hlo.convert(untap(shares(inputs, axes), axes), x.dtype);
});

define<DilationAttrs>('Dilation2DBackpropFilter', (inputs, attrs) => {
  const { x, filter } = inputs;
  const totals = shares(inputs, axesOf(x, filter, attrs)).map(share =>
    hlo.reshape(hlo.sum(share, [0, 1, 2]), [1, share.shape[3]]),
  );
  return hlo.convert(hlo.reshape(hlo.concatenate(totals, 0), filter.shape), filter.dtype);
});
