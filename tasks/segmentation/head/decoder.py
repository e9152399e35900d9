"""The decoder of a U-Net: maps of a backbone at several strides → logits at the finest of them.

From the coarsest map up: double the size, concatenate with the next finer map, convolve twice. Source:
Ronneberger et al., 2015, https://arxiv.org/abs/1505.04597. On a backbone with weights the convolutions
are separable, and each map first passes a 1×1 convolution, which makes its channels comparable and few; from
scratch they are the full 3×3 convolutions of the paper, here with padding and BatchNorm.

Dimension letters: B batch, S side in pixels, h w C map, K classes.
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from tasks import normalisation

LOGITS_LAYER = "logits"
# Filters of a stage by its stride.
WIDTHS = {1: 24, 2: 32, 4: 48, 8: 64, 16: 96, 32: 128}


def decode(
    maps: Mapping[int, keras.KerasTensor],
    pooled: keras.KerasTensor,
    class_count: int,
    *,
    separable: bool = True,
    dropout: float = 0.0,
) -> keras.KerasTensor:
    """Builds the decoder.

    Args:
      maps: stride → map [B, h, w, C].
      pooled: the mean of the coarsest map, [B, F]: what the whole image shows helps to tell a pixel.
        Source: Chen et al., "DeepLabv3", 2017, https://arxiv.org/abs/1706.05587, section 3.3.
      class_count: K.
      separable: separable convolutions of the widths of WIDTHS; else full ones as wide as the maps.
      dropout: share of the channels of the last map that are dropped in training.

    Returns:
      Logits float32 [B, h, w, K] at the finest stride.
    """
    order = sorted(maps, reverse=True)
    x = maps[order[0]]
    if separable:
        x = normalisation.convolved(x, f"lateral{order[0]}", WIDTHS[order[0]], 1)
    context = layers.Dense(x.shape[-1], activation="relu", name="context")(pooled)
    x = layers.Add(name="with_context")([x, layers.Reshape((1, 1, x.shape[-1]))(context)])
    for stride in order[1:]:
        skip = maps[stride]
        width = WIDTHS[stride] if separable else skip.shape[-1]
        if separable:
            skip = normalisation.convolved(skip, f"lateral{stride}", width, 1)
        x = _doubled(x, skip, stride)
        x = layers.Concatenate(name=f"joined{stride}")([x, skip])
        for number in (1, 2):
            x = normalisation.convolved(x, f"decoder{stride}_{number}", width, 3, separable)
    if dropout:
        x = layers.SpatialDropout2D(dropout, name="decoder_dropout")(x)
    # float32 even where the rest is computed in half precision: the loss needs it.
    return layers.Conv2D(class_count, 1, dtype="float32", name=LOGITS_LAYER)(x)


def _doubled(x: Any, skip: Any, stride: int) -> Any:
    """Doubles a map and cuts what exceeds the finer one, whose side may be odd."""
    x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{stride}")(x)
    excess = [have - want for have, want in zip(x.shape[1:3], skip.shape[1:3], strict=True)]
    if any(excess):
        cropping = tuple((0, size) for size in excess)
        x = layers.Cropping2D(cropping, name=f"cut{stride}")(x)
    return x
