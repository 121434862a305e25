/** Image kernels. */
import * as hlo from '../hlo';
import { type Value } from '../hlo';
import { like } from './broadcast';
import { define } from './define';

interface CropAttrs {
  cropSize: [number, number];
  method: 'bilinear' | 'nearest';
  extrapolationValue: number;
}

/** Coordinates in the image of the rows (or columns) of each box: [boxes, size]. */
function coordinates(from: Value, to: Value, extent: number, size: number): Value {
  const n = from.shape[0];
  const shape = [n, size];
  const spread = (v: Value): Value => hlo.broadcastInDim(v, shape, [0]);
  const scale = (v: Value): Value => hlo.mul(v, like(v, extent - 1));
  if (size === 1) return spread(hlo.mul(scale(hlo.add(from, to)), like(from, 0.5)));
  const step = hlo.div(scale(hlo.sub(to, from)), like(from, size - 1));
  return hlo.add(spread(scale(from)), hlo.mul(hlo.iota({ dtype: 'f32', shape }, 1), spread(step)));
}

/** image[index, y, x, :] as f32, at whole coordinates, all three [n, h, w]. */
export function pixels(image: Value, index: Value, ys: Value, xs: Value): Value {
  const places = [index, ys, xs].map(v => hlo.reshape(v, [...v.shape, 1]));
  const dims = {
    offsetDims: [3],
    collapsedSliceDims: [0, 1, 2],
    startIndexMap: [0, 1, 2],
    indexVectorDim: 3,
  };
  const vectors = hlo.concatenate(places, 3);
  return hlo.convert(hlo.gather(image, vectors, dims, [1, 1, 1, image.shape[3]]), 'f32');
}

/** TensorFlow's crop_and_resize: boxes [n, 4] are normalized (y1, x1, y2, x2), and may be reversed or lie outside. */
define<CropAttrs>(
  'CropAndResize',
  ({ image, boxes, boxInd }, { cropSize, method, extrapolationValue }) => {
    const [, inHeight, inWidth, channels] = image.shape;
    const n = boxes.shape[0];
    const column = (i: number): Value => hlo.reshape(hlo.slice(boxes, [0, i], [n, i + 1]), [n]);
    const y = coordinates(column(0), column(2), inHeight, cropSize[0]);
    const x = coordinates(column(1), column(3), inWidth, cropSize[1]);
    const places = [n, cropSize[0], cropSize[1]];
    const index = hlo.broadcastInDim(hlo.convert(boxInd, 's32'), places, [0]);
    const inside = (v: Value, extent: number): Value =>
      hlo.and(hlo.compare(v, like(v, 0), 'GE'), hlo.compare(v, like(v, extent - 1), 'LE'));
    const at = (v: Value, extent: number): Value =>
      hlo.clamp(hlo.scalar(0, 's32'), hlo.convert(v, 's32'), hlo.scalar(extent - 1, 's32'));
    const read = (r: Value, c: Value): Value => {
      const ys = hlo.broadcastInDim(at(r, inHeight), places, [0, 1]);
      return pixels(image, index, ys, hlo.broadcastInDim(at(c, inWidth), places, [0, 2]));
    };
    const shape = [...places, channels];
    const rows = (v: Value): Value => hlo.broadcastInDim(v, shape, [0, 1]);
    const columns = (v: Value): Value => hlo.broadcastInDim(v, shape, [0, 2]);
    let result: Value;
    if (method === 'nearest') {
      // Halves round up, as Math.round does.
      const round = (v: Value): Value => hlo.floor(hlo.add(v, like(v, 0.5)));
      result = read(round(y), round(x));
    } else {
      const [top, left] = [hlo.floor(y), hlo.floor(x)];
      const [bottom, right] = [hlo.ceil(y), hlo.ceil(x)];
      const mix = (a: Value, b: Value, t: Value): Value => hlo.add(a, hlo.mul(hlo.sub(b, a), t));
      const across = columns(hlo.sub(x, left));
      result = mix(
        mix(read(top, left), read(top, right), across),
        mix(read(bottom, left), read(bottom, right), across),
        rows(hlo.sub(y, top)),
      );
    }
    const valid = hlo.and(rows(inside(y, inHeight)), columns(inside(x, inWidth)));
    return hlo.select(valid, result, like(result, extrapolationValue));
  },
  { storage: true },
);

define('FlipLeftRight', ({ image }) => hlo.reverse(image, [2]), { storage: true });
