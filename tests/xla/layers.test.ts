/** tf.layers models as any user of TensorFlow.js writes them: fit, evaluate, predict, save and load, on xla. */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-cpu';
import { jit, seedTensor, statelessNormal, useXla, xlaStats } from '../../src/xla';

beforeAll(() => useXla());

const initializer = (seed: number) => tf.initializers.heNormal({ seed });

/** Points of two rings, which no linear model tells apart. */
function rings(count: number): { xs: tf.Tensor2D; ys: tf.Tensor2D } {
  return tf.tidy(() => {
    const angle = tf.linspace(0, 40, count);
    const ring = tf.range(0, count).mod(2);
    const radius = ring.add(1).add(statelessNormal([count], seedTensor(5)).mul(0.1));
    const xs = tf.stack([angle.cos().mul(radius), angle.sin().mul(radius)], 1) as tf.Tensor2D;
    return { xs, ys: ring.reshape([count, 1]) as tf.Tensor2D };
  });
}

function perceptron(): tf.Sequential {
  const model = tf.sequential();
  model.add(
    tf.layers.dense({ units: 16, activation: 'relu', inputShape: [2], kernelInitializer: initializer(1) }),
  );
  model.add(tf.layers.dense({ units: 1, activation: 'sigmoid', kernelInitializer: initializer(2) }));
  model.compile({ optimizer: tf.train.adam(0.02), loss: 'binaryCrossentropy', metrics: ['accuracy'] });
  return model;
}

function convolutional(): tf.Sequential {
  const model = tf.sequential();
  const { layers } = tf;
  model.add(layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same', inputShape: [12, 12, 3], kernelInitializer: initializer(3) })); // prettier-ignore
  model.add(layers.batchNormalization());
  model.add(layers.activation({ activation: 'relu' }));
  model.add(layers.maxPooling2d({ poolSize: 2 }));
  model.add(layers.separableConv2d({ filters: 8, kernelSize: 3, depthwiseInitializer: initializer(4), pointwiseInitializer: initializer(5) })); // prettier-ignore
  model.add(layers.globalAveragePooling2d({}));
  model.add(layers.dense({ units: 4, activation: 'softmax', kernelInitializer: initializer(6) }));
  model.compile({
    optimizer: tf.train.momentum(0.05, 0.9),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

/** What a training gives on xla and on cpu. */
async function onBoth<T>(train: () => Promise<T>): Promise<{ onXla: T; onCpu: T }> {
  const onXla = await train();
  await tf.setBackend('cpu');
  const onCpu = await train();
  await tf.setBackend('xla');
  return { onXla, onCpu };
}

test('fit learns, evaluate and predict agree with it', async () => {
  const { xs, ys } = rings(256);
  const model = perceptron();
  const { history } = await model.fit(xs, ys, { epochs: 30, batchSize: 32, shuffle: false, verbose: 0 });
  expect(history.acc.at(-1)).toBeGreaterThan(0.95);
  const [, accuracy] = (model.evaluate(xs, ys, { batchSize: 64 }) as tf.Scalar[]).map(t => t.dataSync()[0]);
  const right = (model.predict(xs) as tf.Tensor).greater(0.5).cast('float32').equal(ys).mean().dataSync()[0];
  expect(accuracy).toBeCloseTo(right, 5);
});

test('fit, evaluate and predict over many batches compile a few programs, not some for each batch', async () => {
  const { xs, ys } = rings(24 * 8);
  const model = perceptron();
  const before = xlaStats().compiled + xlaStats().loaded;
  await model.fit(xs, ys, { epochs: 1, batchSize: 8, verbose: 0 });
  (model.evaluate(xs, ys, { batchSize: 8 }) as tf.Scalar[]).forEach(t => t.dataSync());
  (model.predict(xs, { batchSize: 8 }) as tf.Tensor).dataSync();
  expect(xlaStats().compiled + xlaStats().loaded - before).toBeLessThan(20);
});

test('an LSTM, whose initializer is a QR decomposition, learns on xla as on cpu', async () => {
  const train = async (): Promise<number[]> => {
    const model = tf.sequential();
    const orthogonal = tf.initializers.orthogonal({ gain: 1, seed: 8 });
    model.add(tf.layers.lstm({ units: 24, inputShape: [10, 3], kernelInitializer: initializer(7), recurrentInitializer: orthogonal })); // prettier-ignore
    model.add(tf.layers.dense({ units: 1, kernelInitializer: initializer(9) }));
    model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
    const xs = tf
      .linspace(-3, 3, 16 * 10 * 3)
      .sin()
      .reshape([16, 10, 3]);
    const { history } = await model.fit(xs, xs.mean([1, 2]).expandDims(1), { epochs: 4, batchSize: 8, shuffle: false, verbose: 0 }); // prettier-ignore
    return history.loss as number[];
  };
  const { onXla, onCpu } = await onBoth(train);
  onXla.forEach((loss, i) => expect(loss).toBeCloseTo(onCpu[i], 4));
});

test('decompositions run on the host, except where they are recorded', async () => {
  const x = tf.randomNormal([6, 4], 0, 1, 'float32', 3) as tf.Tensor2D;
  const before = { ...xlaStats() };
  const [q, r] = tf.linalg.qr(x);
  expect(tf.getBackend()).toBe('xla');
  expect(q.dataSync()).toHaveLength(24);
  expect(xlaStats().compiled).toBe(before.compiled);
  const near = async (a: tf.Tensor, b: tf.Tensor) =>
    expect(await a.sub(b).abs().max().array()).toBeLessThan(1e-5);
  await near(q.matMul(r), x);
  await near(q.matMul(q, true), tf.eye(4));
  const compiled = jit((y: tf.Tensor2D) => tf.linalg.qr(y)[1].square().sum());
  await near(compiled(x), x.square().sum());
  const rows = tf.linalg.gramSchmidt(x.transpose() as tf.Tensor2D) as tf.Tensor2D;
  await near(rows.matMul(q).abs(), tf.eye(4));
});

test('the same training on xla and on cpu gives the same losses', async () => {
  const train = async (): Promise<number[]> => {
    const xs = statelessNormal([32, 12, 12, 3], seedTensor(8));
    const ys = tf.oneHot(tf.range(0, 32, 1, 'int32').mod(tf.scalar(4, 'int32')), 4);
    const model = convolutional();
    const { history } = await model.fit(xs, ys, { epochs: 4, batchSize: 16, shuffle: false, verbose: 0 });
    return history.loss as number[];
  };
  const { onXla, onCpu } = await onBoth(train);
  onXla.forEach((loss, i) => expect(loss).toBeCloseTo(onCpu[i], 3));
  expect(onXla.at(-1)).toBeLessThan(onXla[0]);
});

test('a saved model predicts the same after loading', async () => {
  const model = convolutional();
  const x = statelessNormal([4, 12, 12, 3], seedTensor(9));
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save({
    save: async artifacts => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    },
  });
  const loaded = await tf.loadLayersModel({ load: async () => saved! });
  expect([...(loaded.predict(x) as tf.Tensor).dataSync()]).toEqual([
    ...(model.predict(x) as tf.Tensor).dataSync(),
  ]);
});

test('training leaves no tensors behind', async () => {
  const { xs, ys } = rings(64);
  const model = perceptron();
  await model.fit(xs, ys, { epochs: 1, batchSize: 32, verbose: 0 });
  const before = tf.memory().numTensors;
  await model.fit(xs, ys, { epochs: 2, batchSize: 32, verbose: 0 });
  expect(tf.memory().numTensors).toBe(before);
});
