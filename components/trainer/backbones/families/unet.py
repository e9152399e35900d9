"""The contracting path of a U-Net, to train from scratch: two 3×3 convolutions a stage, then halving.

Source: Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597, with a quarter of its filters, with
padding, and with the BatchNorm of Ioffe & Szegedy, 2015, https://arxiv.org/abs/1502.03167. The expanding
path belongs to the head. Halving belongs to the block after it, so that a block ends with the map that
the expanding path reads.

Dimension letters: B batch, S side in pixels.
"""

from typing import TYPE_CHECKING

from components.trainer.backbones import backbone, preprocessing

if TYPE_CHECKING:
    import keras

FILTERS = (16, 32, 64, 128, 256)
BLOCK_ENDS = tuple(f"block{block}_conv2_relu" for block in range(1, len(FILTERS) + 1))


def build(size_px: int) -> "keras.Model":
    """Builds the network with random weights.

    Args:
      size_px: the side S of the square input, 16 or more.

    Returns:
      A model from ``inputs`` float32 [B, S, S, 3], in [-1, 1], to features
      float32 [B, S // 16, S // 16, 256], 0 or more.
    """
    import keras
    from keras import layers

    from tasks import normalisation

    inputs = keras.Input((size_px, size_px, 3), name="inputs")
    x = inputs
    for block, filters in enumerate(FILTERS, start=1):
        if block > 1:
            x = layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        for index in (1, 2):
            x = normalisation.convolved(x, f"block{block}_conv{index}", filters)
    return keras.Model(inputs, x, name="unet")


BACKBONES = {
    "unet": backbone.Backbone(
        build=build,
        preprocessing=preprocessing.TF,
        block_ends=BLOCK_ENDS,
        default_size_px=160,
        parameters=1_181_744,
        smallest_size_px=16,
    )
}
