/** A converted TensorFlow model (tf.GraphModel) on xla: as it is, and compiled whole by jit. */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { jit, useXla } from '../../src/xla';

type Attributes = Record<string, object>;

const FLOAT = { T: { type: 'DT_FLOAT' } };
const INT = { T: { type: 'DT_INT32' } };
const WEIGHTS: Record<string, [number[], tf.NumericDataType, number[]]> = {
  kernel: [[8, 3], 'float32', Array.from({ length: 24 }, (_, i) => Math.sin(i))],
  bias: [[3], 'float32', [0.1, -0.2, 0.3]],
  begin: [[1], 'int32', [0]],
  end: [[1], 'int32', [1]],
  stride: [[1], 'int32', [1]],
  eight: [[], 'int32', [8]],
};

/** Flattens images as TensorFlow does, by a shape computed from the input's, then a dense layer and softmax. */
function model(): Promise<tf.GraphModel> {
  const node = (name: string, op: string, input: string[], attr: Attributes = FLOAT) => ({
    name,
    op,
    input,
    attr,
  });
  const constants = Object.entries(WEIGHTS).map(([name, [shape, dtype]]) => {
    const type = dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT';
    const tensor = { dtype: type, tensorShape: { dim: shape.map(size => ({ size: String(size) })) } };
    return node(name, 'Const', [], { dtype: { type }, value: { tensor } });
  });
  const dims = [-1, 2, 2, 2].map(size => ({ size: String(size) }));
  const strided = { ...INT, shrink_axis_mask: { i: '1' }, begin_mask: { i: '0' }, end_mask: { i: '0' } };
  const nodes = [
    node('x', 'Placeholder', [], { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim: dims } } }),
    ...constants,
    node('sizes', 'Shape', ['x'], { ...FLOAT, out_type: { type: 'DT_INT32' } }),
    node('batch', 'StridedSlice', ['sizes', 'begin', 'end', 'stride'], strided),
    node('shape', 'Pack', ['batch', 'eight'], { ...INT, N: { i: '2' }, axis: { i: '0' } }),
    node('rows', 'Reshape', ['x', 'shape']),
    node('product', 'MatMul', ['rows', 'kernel'], {
      ...FLOAT,
      transpose_a: { b: false },
      transpose_b: { b: false },
    }),
    node('logits', 'BiasAdd', ['product', 'bias']),
    node('y', 'Softmax', ['logits']),
  ];
  const weights = Object.entries(WEIGHTS);
  const bytes = weights.map(([, [, dtype, values]]) =>
    Buffer.from((dtype === 'int32' ? Int32Array : Float32Array).from(values).buffer),
  );
  return tf.loadGraphModel({
    load: () =>
      Promise.resolve({
        modelTopology: { node: nodes, versions: { producer: 1 } },
        weightSpecs: weights.map(([name, [shape, dtype]]) => ({ name, shape, dtype })),
        weightData: Uint8Array.from(Buffer.concat(bytes)).buffer,
      }),
  });
}

const images = () =>
  tf.tensor(
    Array.from({ length: 40 }, (_, i) => Math.cos(i)),
    [5, 2, 2, 2],
  );

test('a graph model gives what it gives on cpu, also compiled whole', async () => {
  await tf.setBackend('cpu');
  const expected = await ((await model()).execute(images()) as tf.Tensor).data();
  await useXla();
  const network = await model();
  const compiled = jit((x: tf.Tensor) => network.execute(x) as tf.Tensor);
  for (const run of [(x: tf.Tensor) => network.execute(x) as tf.Tensor, compiled]) {
    const y = run(images());
    expect(y.shape).toEqual([5, 3]);
    (await y.data()).forEach((p, i) => expect(p).toBeCloseTo(expected[i], 6));
  }
  expect(compiled.traces).toBe(1);
});
