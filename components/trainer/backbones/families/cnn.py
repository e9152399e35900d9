"""Small convolutional network to train from scratch, full or depthwise separable.

Three blocks of 3×3 convolutions, each followed by BatchNorm and ReLU, with max pooling after
the first two. The third has none: no layer after it would gain a larger receptive field, and the
head averages the map anyway. The separable variant has separable convolutions after the first,
which reads three channels only. There is no dropout between the blocks: at a rate of 0.25 it cost
accuracy on small sets of digits and of CIFAR-10, and the head has its own.

Source: the block is that of Simonyan & Zisserman, 2014, https://arxiv.org/abs/1409.1556, with
the BatchNorm of Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167; the separable
convolution is that of Howard et al., "MobileNets", 2017, https://arxiv.org/abs/1704.04861.

Dimension letters: B batch, S side in pixels.
"""

import functools
from typing import TYPE_CHECKING

from components.trainer.backbones import backbone, preprocessing

if TYPE_CHECKING:
    import keras

# Filters of each convolution, block by block.
BLOCKS = ((32, 32), (64, 64), (128,))
# Keras' 0.99 takes hundreds of steps to reach the data's statistics: many epochs of a small set.
BATCH_NORM_MOMENTUM = 0.9
BLOCK_ENDS = ("block1_pool", "block2_pool", "block3_conv1_relu")


def build(size_px: int, separable: bool = False) -> "keras.Model":
    """Builds the network with random weights.

    Args:
      size_px: the side S of the square input, 4 or more.
      separable: use SeparableConv2D for every convolution but the first.

    Returns:
      A model from ``inputs`` float32 [B, S, S, 3], in [-1, 1], to features
      float32 [B, S // 4, S // 4, 128], 0 or more.
    """
    import keras
    from keras import layers

    from tasks import normalisation

    inputs = keras.Input((size_px, size_px, 3), name="inputs")
    x = inputs
    for block, filters in enumerate(BLOCKS, start=1):
        for index, count in enumerate(filters, start=1):
            name = f"block{block}_conv{index}"
            is_first = (block, index) == (1, 1)
            kind = layers.SeparableConv2D if separable and not is_first else layers.Conv2D
            # BatchNorm's offset does what a bias would.
            x = kind(count, 3, padding="same", use_bias=False, name=name)(x)
            x = normalisation.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_bn")(x)
            x = layers.ReLU(name=f"{name}_relu")(x)
        if block < len(BLOCKS):
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return keras.Model(inputs, x, name="cnn_separable" if separable else "cnn")


def _backbone(separable: bool, parameters: int) -> backbone.Backbone:
    return backbone.Backbone(
        build=functools.partial(build, separable=separable),
        preprocessing=preprocessing.TF,
        block_ends=BLOCK_ENDS,
        default_size_px=64,
        parameters=parameters,
        smallest_size_px=16,
    )


BACKBONES = {
    "cnn": _backbone(separable=False, parameters=140_384),
    "cnn_separable": _backbone(separable=True, parameters=19_232),
}
