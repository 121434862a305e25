"""JAX, one jitted step: python jax_step.py MODEL BATCH float32|tensorfloat32|mixed_bfloat16 [program: prints it, for CUDA]."""
import sys
import jax
import jax.numpy as jnp
from networks import NETWORKS
from protocol import serve

name, batch, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3]
if precision == "float32":
    jax.config.update("jax_default_matmul_precision", "float32")
half = jnp.bfloat16 if precision == "mixed_bfloat16" else jnp.float32


class Operations:
    def __init__(self, weights=None):
        self.made, self.given, self.at, self.averages = [], weights, 0, []

    def weight(self, *shape, fill=None):
        if self.given is None:
            fan = shape[0] * shape[1] * shape[2] if len(shape) == 4 else shape[0]
            key = jax.random.key(len(self.made))
            value = jax.random.normal(key, shape) * (2 / fan) ** 0.5 if fill is None else jnp.full(shape, fill)
            self.made.append(value)
            return value
        self.at += 1
        return self.given[self.at - 1]

    def conv(self, x, inputs, outputs, size=3, stride=1, bias=False):
        w = self.weight(size, size, inputs, outputs)
        y = jax.lax.conv_general_dilated(
            x.astype(half), w.astype(half), (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y + self.weight(outputs, fill=0.0).astype(half) if bias else y

    def norm(self, x):
        c = x.shape[3]
        x = x.astype(jnp.float32)
        mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
        self.averages += [mean, variance]
        scale = self.weight(c, fill=1.0) * jax.lax.rsqrt(variance + 1e-5)
        return ((x - mean) * scale + self.weight(c, fill=0.0)).astype(half)

    def dense(self, x, inputs, outputs):
        return x @ self.weight(inputs, outputs) + self.weight(outputs, fill=0.0)

    relu = staticmethod(jax.nn.relu)

    def mean(self, x):
        return x.astype(jnp.float32).mean((1, 2))

    def max_pool(self, x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def shortcut_a(self, x, more):
        return jnp.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, more)))


x = jax.random.normal(jax.random.key(1), (batch, 32, 32, 3))
labels = jnp.arange(batch) % 10
first = Operations()
NETWORKS[name](first, x)
state = (first.made, [jnp.zeros_like(w) for w in first.made], first.averages)


def loss_of(weights, x, labels):
    o = Operations(weights)
    logits = NETWORKS[name](o, x)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1).mean(), o.averages


@jax.jit
def update(weights, velocities, averages, x, labels):
    (loss, seen), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights, x, labels)
    averages = [0.9 * a + 0.1 * b for a, b in zip(averages, seen)]
    velocities = [0.9 * v + g + 1e-4 * w for v, g, w in zip(velocities, gradients, weights)]
    return ([w - 0.01 * v for w, v in zip(weights, velocities)], velocities, averages), loss


def step():
    global state
    state, loss = update(*state, x, labels)
    jax.block_until_ready((state, loss))


if sys.argv[4:] == ["program"]:
    print(update.trace(*state, x, labels).lower(lowering_platforms=("cuda",)).as_text())
    sys.exit()
serve("JAX " + jax.__version__, jax.devices()[0].platform, step)
