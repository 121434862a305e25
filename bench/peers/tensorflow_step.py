"""TensorFlow, one tf.function: python tensorflow_step.py MODEL BATCH [float32|…]."""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf  # noqa: E402
from networks import NETWORKS  # noqa: E402
from protocol import serve  # noqa: E402

name, batch, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3]
tf.config.experimental.enable_tensor_float_32_execution(precision == "tensorfloat32")
half = tf.bfloat16 if precision == "mixed_bfloat16" else tf.float32


class Operations:
    def __init__(self):
        self.weights, self.averages, self.at, self.at_average = [], [], 0, 0

    def weight(self, *shape, fill=None):
        if self.at == len(self.weights):
            fan = shape[0] * shape[1] * shape[2] if len(shape) == 4 else shape[0]
            value = tf.random.normal(shape) * (2 / fan) ** 0.5 if fill is None else tf.fill(shape, fill)
            self.weights.append(tf.Variable(value))
        self.at += 1
        return self.weights[self.at - 1]

    def conv(self, x, inputs, outputs, size=3, stride=1, bias=False):
        w = tf.cast(self.weight(size, size, inputs, outputs), half)
        y = tf.nn.conv2d(tf.cast(x, half), w, stride, "SAME")
        return tf.nn.bias_add(y, tf.cast(self.weight(outputs, fill=0.0), half)) if bias else y

    def norm(self, x):
        c = x.shape[3]
        y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=self.weight(c, fill=1.0), offset=self.weight(c, fill=0.0), mean=[], variance=[],
            epsilon=1e-5, is_training=True,
        )  # fmt: skip
        if self.at_average == len(self.averages):
            self.averages.append((tf.Variable(tf.zeros(c)), tf.Variable(tf.ones(c))))
        for average, seen in zip(self.averages[self.at_average], (mean, variance)):
            average.assign(0.9 * average + 0.1 * seen)
        self.at_average += 1
        return y

    def dense(self, x, inputs, outputs):
        return x @ self.weight(inputs, outputs) + self.weight(outputs, fill=0.0)

    relu = staticmethod(tf.nn.relu)

    def mean(self, x):
        return tf.reduce_mean(tf.cast(x, tf.float32), (1, 2))

    def max_pool(self, x):
        return tf.nn.max_pool2d(x, 2, 2, "VALID")

    def shortcut_a(self, x, more):
        return tf.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, more)))


x = tf.random.normal((batch, 32, 32, 3))
labels = tf.range(batch) % 10
o = Operations()
NETWORKS[name](o, x)
velocities = [tf.Variable(tf.zeros_like(w)) for w in o.weights]


@tf.function
def update(x, labels):
    o.at = o.at_average = 0
    with tf.GradientTape() as tape:
        logits = NETWORKS[name](o, x)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    for w, v, g in zip(o.weights, velocities, tape.gradient(loss, o.weights)):
        v.assign(0.9 * v + g + 1e-4 * w)
        w.assign_sub(0.01 * v)
    return loss


serve("TensorFlow " + tf.__version__, "gpu" if tf.config.list_physical_devices("GPU") else "cpu",
      lambda: update(x, labels).numpy())  # fmt: skip
