"""PyTorch, eager: python torch_step.py MODEL BATCH [float32|tensorfloat32|mixed_bfloat16]."""
import sys
import torch
import torch.nn.functional as F
from networks import NETWORKS
from protocol import serve

name, batch, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3]
device = "cuda" if torch.cuda.is_available() else "cpu"
torch.backends.cudnn.benchmark = True
torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision == "tensorfloat32"


class Operations:
    """Weights are made in the first pass, in order, and found again in the next ones."""

    def __init__(self):
        self.weights, self.averages, self.at, self.at_average = [], [], 0, 0

    def weight(self, *shape, fill=None):
        if self.at == len(self.weights):
            fan = shape[1] * shape[2] * shape[3] if len(shape) == 4 else shape[-1]
            value = torch.randn(shape) * (2 / fan) ** 0.5 if fill is None else torch.full(shape, fill)
            self.weights.append(value.to(device).requires_grad_())
        self.at += 1
        return self.weights[self.at - 1]

    def conv(self, x, inputs, outputs, size=3, stride=1, bias=False):
        w = self.weight(outputs, inputs, size, size)
        return F.conv2d(x, w, self.weight(outputs, fill=0.0) if bias else None, stride, size // 2)

    def norm(self, x):
        if self.at_average == len(self.averages):
            c = x.shape[1]
            self.averages.append((torch.zeros(c, device=device), torch.ones(c, device=device)))
        mean, variance = self.averages[self.at_average]
        self.at_average += 1
        c = x.shape[1]
        return F.batch_norm(x, mean, variance, self.weight(c, fill=1.0), self.weight(c, fill=0.0), True, 0.1, 1e-5)

    def dense(self, x, inputs, outputs):
        return F.linear(x, self.weight(outputs, inputs), self.weight(outputs, fill=0.0))

    relu = staticmethod(F.relu)

    def mean(self, x):
        return x.mean((2, 3))

    def max_pool(self, x):
        return F.max_pool2d(x, 2)

    def shortcut_a(self, x, more):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, more))


x = torch.randn(batch, 3, 32, 32, device=device)
if device == "cuda":
    x = x.contiguous(memory_format=torch.channels_last)
labels = torch.arange(batch, device=device) % 10
o = Operations()
with torch.no_grad():
    NETWORKS[name](o, x)
sgd = torch.optim.SGD(o.weights, lr=0.01, momentum=0.9, weight_decay=1e-4)


def step():
    o.at = o.at_average = 0
    sgd.zero_grad(set_to_none=True)
    with torch.autocast(device, torch.bfloat16, enabled=precision == "mixed_bfloat16"):
        loss = F.cross_entropy(NETWORKS[name](o, x).float(), labels)
    loss.backward()
    sgd.step()
    loss.item()


serve("PyTorch " + torch.__version__, device, step)
