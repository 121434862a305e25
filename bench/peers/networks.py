"""The networks, written once for every framework: `o` supplies the operations and makes the weights (see *_step.py)."""


def resnet20(o, x):
    """He et al. 2016, section 4.2, shortcut A."""
    x = o.relu(o.norm(o.conv(x, 3, 16)))
    channels = 16
    for width in (16, 32, 64):
        for block in range(3):
            stride = 2 if width > 16 and block == 0 else 1
            y = o.relu(o.norm(o.conv(x, channels, width, 3, stride)))
            y = o.norm(o.conv(y, width, width))
            x = o.relu(y + (o.shortcut_a(x, width - channels) if stride == 2 else x))
            channels = width
    return o.dense(o.mean(x), 64, 10)


def vgg16(o, x):
    """Simonyan & Zisserman 2015, column D, with batch norm and without the hidden dense layers."""
    channels = 3
    for width, layers in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(layers):
            x = o.relu(o.norm(o.conv(x, channels, width, bias=True)))
            channels = width
        x = o.max_pool(x)
    return o.dense(o.mean(x), 512, 10)


def wrn_16_4(o, x):
    """Zagoruyko & Komodakis 2016, depth 16, width 4: pre-activated blocks, shortcut B."""
    x = o.conv(x, 3, 16)
    channels = 16
    for width in (64, 128, 256):
        for block in range(2):
            stride = 2 if width > 64 and block == 0 else 1
            y = o.relu(o.norm(x))
            y = o.conv(y, channels, width, 3, stride)
            y = o.conv(o.relu(o.norm(y)), width, width)
            x = y + (o.conv(x, channels, width, 1, stride) if block == 0 else x)
            channels = width
    return o.dense(o.mean(o.relu(o.norm(x))), 256, 10)


NETWORKS = {"resnet20_v1": resnet20, "vgg16": vgg16, "wrn_16_4": wrn_16_4}
