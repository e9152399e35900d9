"""Whether TensorFlow decodes what is about to be stored, and to the pixels that Pillow shows."""

import functools

import numpy as np
import tensorflow as tf

from data import decode, graph

# Two JPEG decoders round differently, most of all where they scale up colour: by up to 2.8 on
# photographs. A file that one of them misreads is tens of levels off.
TOLERANCE_LEVELS = 4.0


def same_pixels(image: decode.Decoded) -> bool:
    """Tells whether TensorFlow decodes an image's bytes, upright, to the same image.

    Height and width must be equal, and 32×32 pixels on a grid on average at most
    TOLERANCE_LEVELS of 255 apart.
    """
    contents = tf.constant(image.encoded)
    try:
        if image.has_exif:
            pixels = _decoder()(contents).numpy()
        else:  # nothing to turn it by, and the turning costs as much as decoding a small image
            pixels = tf.io.decode_image(contents, channels=3, expand_animations=False).numpy()
    except tf.errors.OpError:
        return False
    if pixels.shape[:2] != (image.info.height, image.info.width):
        return False
    rows, columns = (decode.sample_positions(side) for side in pixels.shape[:2])
    difference = image.samples.astype(np.int16) - pixels[rows[:, None], columns]
    return bool(np.abs(difference).mean() <= TOLERANCE_LEVELS)


@functools.cache
def _decoder() -> tf.types.experimental.PolymorphicFunction:
    return tf.function(graph.decode, input_signature=[tf.TensorSpec([], tf.string)])
