"""Sliding windows: a trained network asked about a square larger than the one that it was trained on.

The larger square, n sides of the trained one, is seen in overlapping windows of the trained size, half a side
apart, and as a whole. Outputs of the windows are blended, most of a window's middle, and averaged with those of
the whole. It is all one network from pixels to outputs, so the served model and every other stage share it.

Dimension letters: B batch, S side of the trained square in pixels, n sides of the larger one, h w map of
outputs, K classes.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from components.preprocess import materialise
from components.trainer.network import model
from data import errors


def starts(count: int, step: int) -> list[tuple[int, int]]:
    """Returns top and left of each window in steps of half a side, row by row: (2·n − 1)²."""
    places = range(0, (2 * count - 1) * step, step)
    return [(top, left) for top in places for left in places]


@keras.saving.register_keras_serializable("image_pipeline")
class Window(layers.Layer):  # type: ignore[misc]
    """Cuts one window out of a square: [B, n·S, n·S, 3] → [B, S, S, 3]."""

    def __init__(self, top: int, left: int, side: int, **options: Any) -> None:
        super().__init__(**options)
        self.place = {"top": top, "left": left, "side": side}

    def call(self, pixels: tf.Tensor) -> tf.Tensor:
        """Returns the window."""
        top, left, side = self.place.values()
        return pixels[:, top : top + side, left : left + side]

    def get_config(self) -> dict[str, Any]:
        """Returns the config from which a saved model rebuilds the layer."""
        return {**super().get_config(), **self.place}


@keras.saving.register_keras_serializable("image_pipeline")
class Blended(layers.Layer):  # type: ignore[misc]
    """Joins outputs [B, h, w, K], of the whole and of each window, to [B, n·h, n·w, K].

    Args:
      count: n.
      options: of the base class.
    """

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(**options)
        self.count = count

    def call(self, outputs: list[tf.Tensor]) -> tf.Tensor:
        """Returns the mean of the whole's outputs and of the windows' blended ones.

        Args:
          outputs: the embedding, which comes along to be a part of the network, and the outputs of the
            whole and of each window.
        """
        _, whole, *windows = outputs
        side, large = whole.shape[1], self.count * whole.shape[1]
        weights = blending(side)
        total = np.zeros([large, large], np.float32)
        joined: Any = 0.0
        for (top, left), one in zip(starts(self.count, side // 2), windows, strict=True):
            below, right = large - side - top, large - side - left
            edges = [[0, 0], [top, below], [left, right], [0, 0]]
            joined = joined + tf.pad(one * weights[..., None], edges)
            total[top : top + side, left : left + side] += weights
        joined = joined / total[..., None]
        return (joined + tf.image.resize(whole, [large, large])) / 2

    def get_config(self) -> dict[str, Any]:
        """Returns the config from which a saved model rebuilds the layer."""
        return {**super().get_config(), "count": self.count}


def blending(side: int) -> np.ndarray:
    """Returns the weights of a window's outputs, float32 [side, side]: a pyramid, nowhere 0."""
    slope = 1 - np.abs((2 * np.arange(side) + 1) / side - 1)
    return np.outer(slope, slope).astype(np.float32)


def around(
    classifier: keras.Model, spec: materialise.Spec, count: int
) -> tuple[keras.Model, materialise.Spec]:
    """Returns a network for n times the side, and the spec of its pixels; as they are where n is 1.

    Args:
      classifier: pixels [B, S, S, 3] → outputs [B, h, w, K].
      spec: of the pixels that it was trained on.
      count: n.

    Raises:
      errors.UserError: windows half a side apart do not fall on the cells of the outputs.
    """
    if count == 1:
        return classifier, spec
    side, cells = spec.size_px, classifier.output.shape[1]
    if cells % 2 or side % cells:
        raise errors.UserError(
            f"--train.windows {count} needs outputs of an even number of cells that divides the side;"
            f" at --preprocess.size-px {side} they have {cells}. Give a multiple of 64."
        )
    embedding = classifier.get_layer(model.EMBEDDING_LAYER).output
    both = keras.Model(classifier.input, [embedding, classifier.output], name="each")
    large = count * side
    pixels = keras.Input((large, large, 3), name="pixels")
    embedded, whole = both(layers.AveragePooling2D(count, name="whole")(pixels))
    named = layers.Activation("linear", name=model.EMBEDDING_LAYER)(embedded)
    outputs = [whole]
    for number, (top, left) in enumerate(starts(count, side // 2)):
        outputs.append(both(Window(top, left, side, name=f"window{number}")(pixels))[1])
    joined = Blended(count, name="blended")([named, *outputs])
    network = keras.Model(pixels, joined, name=classifier.name)
    return network, dataclasses.replace(spec, size_px=large)
