/** Training steps of a model on made-up images: their losses, and the time that one takes in several ways of calling. */
import * as tf from '@tensorflow/tfjs';
import { createModel } from '../../src/models';
import { type Jit, jit, ready, scan } from '../../src/xla';

/** The same numbers on every machine, between -1 and 1. */
export function wave(shape: number[], step: number): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * step)),
    shape,
  );
}

const silent = { onTrace: () => undefined };

export class TrainingSteps {
  private readonly model: tf.LayersModel;
  private readonly optimizer = tf.train.momentum(0.01, 0.9);
  private readonly images: tf.Tensor;
  private readonly labels: tf.Tensor1D;
  private readonly single: Jit<[tf.Tensor], tf.Tensor>;

  /** Under the precision that is set now. */
  constructor(name: string, batch: number) {
    this.model = createModel(name, { seed: 1 });
    this.images = wave([batch, 32, 32, 3], 0.37);
    this.labels = tf.tensor1d(
      Array.from({ length: batch }, (_, i) => i % 10),
      'int32',
    );
    this.single = jit(this.step, { name, ...silent });
  }

  private readonly step = (labels: tf.Tensor): tf.Tensor =>
    this.optimizer.minimize(() => {
      const logits = this.model.apply(this.images, { training: true }) as tf.Tensor;
      return tf.losses.softmaxCrossEntropy(tf.oneHot(labels as tf.Tensor1D, 10), logits);
    }, true)!;

  /** Losses of the next steps. */
  async losses(count: number): Promise<number[]> {
    const losses: number[] = [];
    for (let i = 0; i < count; i++) losses.push(await this.one());
    return losses;
  }

  /** Median milliseconds of a step whose loss is waited for. */
  async waited(count: number): Promise<number> {
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      await this.one();
      times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
  }

  /** Milliseconds of a step where the next is launched at once, and only the end is waited for. */
  inARow(count: number): Promise<number> {
    return perCall(() => this.single.launch(this.labels), count);
  }

  /** Compiles `steps` steps as one program, a loop on the device. Take single steps first: they make the optimizer's variables. */
  async loop(steps: number): Promise<(calls: number) => Promise<number>> {
    const many = scan(this.step, silent);
    const labels = tf.tidy(() => tf.stack(Array.from({ length: steps }, () => this.labels)));
    (await many.async(labels)).dispose();
    return async calls => {
      const ms = await perCall(() => many.launch(labels), calls);
      labels.dispose();
      return ms / steps;
    };
  }

  dispose(): void {
    this.model.dispose();
    this.optimizer.dispose();
    tf.dispose([this.images, this.labels]);
  }

  private async one(): Promise<number> {
    const loss = await this.single.async(this.labels);
    const [value] = await loss.data();
    loss.dispose();
    return value;
  }
}

/** Milliseconds a call, the calls launched one after the other and waited for in the end. */
async function perCall(launch: () => Promise<tf.Tensor>, count: number): Promise<number> {
  const results: tf.Tensor[] = [];
  const start = performance.now();
  for (let i = 0; i < count; i++) results.push(await launch());
  await ready(results);
  const ms = (performance.now() - start) / count;
  tf.dispose(results);
  return ms;
}
