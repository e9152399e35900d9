"""Whether TensorFlow decodes what is about to be stored, and to the pixels that Pillow shows."""

import functools

import numpy as np
import tensorflow as tf

from data import decode, graph, graph_jpeg, image_reading

# Two JPEG decoders round differently, most of all where they scale up colour: by up to 2.8 on
# photographs. A file that one of them misreads is tens of levels off.
TOLERANCE_LEVELS = 4.0


def same_pixels(image: decode.Decoded) -> bool:
    """Tells whether TensorFlow decodes an image's bytes, upright, to the same image.

    Height and width must be equal, and 32×32 pixels on a grid on average at most
    TOLERANCE_LEVELS of 255 apart. An image that was looked at reduced is decoded reduced here too.
    """
    contents = tf.constant(image.encoded)  # handed over as bytes, it costs twice as much
    try:
        # Turning costs as much as decoding a small image; most have nothing to be turned by.
        if image.info.format != "JPEG":
            pixels = _decode()(contents).numpy()
        elif image.has_exif and _orientation()(contents).numpy() in range(2, 9):
            return False
        elif image.scale > 1:
            pixels = tf.io.decode_jpeg(contents, channels=3, ratio=image.scale).numpy()
        else:
            pixels = tf.io.decode_image(contents, channels=3, expand_animations=False).numpy()
    except tf.errors.OpError:
        return False
    sides = (-(-side // image.scale) for side in (image.info.height, image.info.width))
    if pixels.shape[:2] != tuple(sides):
        return False
    rows, columns = (decode.sample_positions(side) for side in pixels.shape[:2])
    picked = pixels[rows[:, None], columns]
    if np.array_equal(picked, image.samples):
        return True
    difference = image.samples.astype(np.int16) - picked
    return bool(np.abs(difference).mean() <= TOLERANCE_LEVELS)


@functools.cache
def _decode() -> tf.types.experimental.PolymorphicFunction:
    # By the rules for what is stored: its profile was applied already, or is to be left alone.
    return tf.function(
        lambda encoded: graph.decode(encoded, image_reading.STORED),
        input_signature=[tf.TensorSpec([], tf.string)],
    )


@functools.cache
def _orientation() -> tf.types.experimental.PolymorphicFunction:
    return tf.function(graph_jpeg.orientation, input_signature=[tf.TensorSpec([], tf.string)])
