"""A SavedModel's stages of pixels without its network, and what they must give."""

import functools

import numpy as np
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import served_stages
from data.graph import decoding
from data.images import image_reading
from tasks.facets.serving import Pictures
from tests.data import encodings
from tests.serving.backend import image_pixels

SIZE = 8


class Stages(tf.Module):
    """The stages for images of SIZE px.

    Args:
      reading: the rules by which ingest read the training images.
    """

    def __init__(self, reading: image_reading.Reading) -> None:
        super().__init__()
        self.spec = materialise.Spec(SIZE, "stretch", [], {}, reading=reading)
        for name, stage in served_stages.of_pixels(self).items():
            setattr(self, name, stage)
            stage.get_concrete_function()

    def decoded(self, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, Pictures]:
        pixels, refused, sizes = decoding.batch_pixels_and_sizes(
            encoded, SIZE, "stretch", self.spec.reading
        )
        return pixels, refused, Pictures(sizes, SIZE, "stretch")


class Loaded:
    """Offers a module's functions as a loaded SavedModel does."""

    def __init__(self, module: tf.Module, names: list[str]) -> None:
        for name in names:
            setattr(self, name, _Restored(getattr(module, name).get_concrete_function()))


class _Restored:
    def __init__(self, function) -> None:
        self.concrete_functions = [function]


@functools.cache
def loaded(reading: image_reading.Reading = encodings.READING) -> Loaded:
    stages = Stages(reading)
    return Loaded(stages, [name for name in vars(stages) if name.startswith("stage_")])


def fresh(reading: image_reading.Reading = encodings.READING) -> image_pixels.ImagePixels:
    """Makes the pixels' maker anew, which remembers no profile."""
    return image_pixels.ImagePixels(loaded(reading), 2)


def require_equal(pixels: image_pixels.ImagePixels, contents: list[bytes]) -> np.ndarray:
    """Requires that images become what the complete graph makes of them; returns their refusals."""
    batch = np.array(contents, object)
    found, expected = pixels.of(batch), pixels.of_any(batch)
    for ours, complete in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, complete)
    refused: np.ndarray = found[1]
    return refused
