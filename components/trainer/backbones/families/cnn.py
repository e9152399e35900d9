"""Small convolutional networks to train from scratch: full, depthwise separable, or residual.

Three blocks of 3×3 convolutions, each followed by BatchNorm and ReLU, with max pooling after
the first two. The third has none: no layer after it would gain a larger receptive field, and the
head averages the map anyway. The separable variant has separable convolutions after the first,
which reads three channels only. There is no dropout between the blocks: at a rate of 0.25 it cost
accuracy on small sets of digits and of CIFAR-10, and the head has its own.

The residual one is wider, and pools before its maps get wide: most of its multiply-adds are where a
processor does them fastest. It is for tens of thousands of images.

Source: the block is that of Simonyan & Zisserman, 2014, https://arxiv.org/abs/1409.1556, with
the BatchNorm of Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167; the separable
convolution is that of Howard et al., "MobileNets", 2017, https://arxiv.org/abs/1704.04861; the sum of a
layer's output and its input that of He et al., 2015, https://arxiv.org/abs/1512.03385.

Dimension letters: B batch, S side in pixels.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from components.trainer.backbones import backbone, preprocessing

if TYPE_CHECKING:
    import keras

# Filters of each convolution, block by block.
BLOCKS = ((32, 32), (64, 64), (128,))
BLOCK_ENDS = ("block1_pool", "block2_pool", "block3_conv1_relu")
# Of the residual one: each block ends with pooling, and but for the first with one more convolution,
# whose input is added to its output.
RESIDUAL_BLOCKS = ((32,), (64, 128), (256,))
RESIDUAL_BLOCK_ENDS = ("block1_pool", "block2_add", "block3_add")


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
            is_first = (block, index) == (1, 1)
            name = f"block{block}_conv{index}"
            x = normalisation.convolved(x, name, count, separable=separable and not is_first)
        if block < len(BLOCKS):
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
    return keras.Model(inputs, x, name="cnn_separable" if separable else "cnn")


def build_residual(size_px: int) -> "keras.Model":
    """Builds the residual network with random weights.

    Args:
      size_px: the side S of the square input, 8 or more.

    Returns:
      A model from ``inputs`` float32 [B, S, S, 3], in [-1, 1], to features
      float32 [B, S // 8, S // 8, 256], 0 or more.
    """
    import keras
    from keras import layers

    from tasks import normalisation

    inputs = keras.Input((size_px, size_px, 3), name="inputs")
    x = inputs
    for block, filters in enumerate(RESIDUAL_BLOCKS, start=1):
        for index, count in enumerate(filters, start=1):
            x = normalisation.convolved(x, f"block{block}_conv{index}", count)
        x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        if block > 1:
            added = normalisation.convolved(x, f"block{block}_residual", filters[-1])
            x = layers.Add(name=f"block{block}_add")([x, added])
    return keras.Model(inputs, x, name="cnn_residual")


def _backbone(
    make: Callable[[int], "keras.Model"], block_ends: tuple[str, ...], parameters: int
) -> backbone.Backbone:
    return backbone.Backbone(
        build=make,
        preprocessing=preprocessing.TF,
        block_ends=block_ends,
        default_size_px=64,
        parameters=parameters,
        smallest_size_px=16,
    )


BACKBONES = {
    "cnn": _backbone(build, BLOCK_ENDS, parameters=140_384),
    "cnn_residual": _backbone(build_residual, RESIDUAL_BLOCK_ENDS, parameters=1_128_672),
    "cnn_separable": _backbone(
        functools.partial(build, separable=True), BLOCK_ENDS, parameters=19_232
    ),
}
