"""The centre head: a feature pyramid over maps of the backbone, and the maps of the answer.

Dimension letters: B batch, h w the finest map, K classes.
"""

from collections.abc import Sequence

import keras
from keras import layers

from tasks import normalisation

WIDTH = 96
# On the finest map 5×5 costs a third of a step more and gains nothing that is seen.
KERNEL, COARSE_KERNEL = 3, 5
COARSE_BLOCKS = 2  # on each of the coarser maps
# The share of cells that are no centre is high: the heat map starts at 0.1.
HEAT_BIAS = -2.2
SIDE_BIAS = -1.2  # boxes start at 0.3 of the image
MAPS_LAYER = "maps"
HEAT_LAYER = "heat"
HEAD_MODEL = "centre_head"


def build(
    shapes: Sequence[Sequence[int]],
    pooled: int,
    class_count: int,
    dropout: float = 0.0,
    width: int = WIDTH,
) -> keras.Model:
    """Builds the head on maps of the backbone.

    The coarser maps are added to the finer ones from the top down, beginning with the embedding of
    the whole image. Source: Lin et al., 2016, https://arxiv.org/abs/1612.03144. Depthwise separable
    convolutions throughout; of 5×5 cells on the coarser maps: where an object ends is often far from
    its centre, and there looking far costs little.

    Args:
      shapes: [h, w, C] of maps at strides that double, the finest first, such as 8, 16 and 32.
      pooled: F, features of the embedding.
      class_count: K.
      dropout: rate on the finest map of the pyramid.
      width: channels of the pyramid.

    Returns:
      A model from these maps and the embedding to float32 [B, h, w, K + 4]: K logits of the heat map,
      the offset of the centre in cells (y, x), the logarithm of height and width in shares of the image.
    """
    inputs = [keras.Input(tuple(shape)) for shape in shapes]
    embedding = keras.Input((pooled,))
    whole = layers.Dense(width)(layers.Dropout(dropout)(embedding))
    joined = layers.Reshape((1, 1, width))(whole)
    for index, given in reversed(list(enumerate(inputs))):
        lateral = _normalised(layers.Conv2D(width, 1, use_bias=False)(given), activated=False)
        if index < len(inputs) - 1:
            joined = layers.UpSampling2D(2, interpolation="bilinear")(joined)
        joined = layers.ReLU()(layers.Add()([lateral, joined]))
        if index == 0:
            joined = _residual(joined, width, KERNEL, "pyramid_0")
        for block in range(COARSE_BLOCKS if index else 0):
            joined = _residual(joined, width, COARSE_KERNEL, f"pyramid_{index}_{block}")
    kept = layers.SpatialDropout2D(dropout)(joined) if dropout else joined
    heat = _separable(_separable(kept, width, KERNEL, "heat_1"), width, KERNEL, "heat_2")
    place = _separable(_separable(kept, width, KERNEL, "place_1"), width, KERNEL, "place_2")
    bias = keras.initializers.Constant
    flat = keras.initializers.RandomNormal(stddev=0.01)
    parts = [
        layers.Conv2D(
            class_count,
            1,
            bias_initializer=bias(HEAT_BIAS),
            kernel_initializer=flat,
            name=HEAT_LAYER,
        ),
        layers.Conv2D(2, 1, kernel_initializer=flat),
        layers.Conv2D(2, 1, bias_initializer=bias(SIDE_BIAS), kernel_initializer=flat),
    ]
    outputs = [parts[0](heat), parts[1](place), parts[2](place)]
    maps = layers.Concatenate(dtype="float32", name=MAPS_LAYER)(outputs)
    return keras.Model([*inputs, embedding], maps, name=HEAD_MODEL)


def _residual(given: keras.KerasTensor, width: int, kernel: int, name: str) -> keras.KerasTensor:
    changed = _separable(given, width, kernel, name, activated=False)
    return layers.ReLU()(layers.Add()([given, changed]))


def _separable(
    given: keras.KerasTensor, width: int, kernel: int, name: str, activated: bool = True
) -> keras.KerasTensor:
    deep = layers.DepthwiseConv2D(kernel, padding="same", use_bias=False, name=f"{name}_depthwise")
    wide = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_pointwise")
    return _normalised(wide(deep(given)), activated)


def _normalised(given: keras.KerasTensor, activated: bool = True) -> keras.KerasTensor:
    # The moving statistics follow within the few hundred steps of a small set.
    normal = normalisation.BatchNormalization(momentum=0.95)(given)
    return layers.ReLU()(normal) if activated else normal
