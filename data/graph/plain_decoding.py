"""Decodes images that need nothing but decoding and resizing, in a small TensorFlow graph.

:mod:`data.graph.decoding` reads the headers of each file inside the graph, for orientations, colour
profiles, transparency and refusals: a few hundred small operations, which cost more than decoding a
photograph. Most files need none of that, and no image that ingest has stored does. A server that has read their
headers itself (the rules are in ``serving/triton/plain_image.py``) may use this graph for them, and Preprocess uses
it; it has the same decoder and the same resizing, so the pixels are equal bit for bit. Dimension letters: B batch,
H, W height and width, S side.
"""

import tensorflow as tf

from data.graph import decoding, icc_conversion


def decode(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes one plain image, or one as ingest has stored it.

    Args:
      encoded: string []; JPEG or PNG, opaque and upright; its colour profile is not applied.

    Returns:
      pixels uint8 [H, W, 3] in 0–255.

    Raises:
      tf.errors.InvalidArgumentError: it is damaged.
    """
    pixels = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return tf.ensure_shape(pixels, [None, None, 3])


def batch_pixels_and_sizes(
    encoded: tf.Tensor, size_px: int, mode: decoding.ResizeMode
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes and resizes a batch of plain images.

    Args:
      encoded: string [B]; JPEG or PNG of 8 bits, opaque, upright, in sRGB or to be left as they are.
      size_px: the side S.
      mode: see :func:`decoding.resize`.

    Returns:
      pixels uint8 [B, S, S, 3], and H and W of the images, int32 [B, 2].

    Raises:
      tf.errors.InvalidArgumentError: one of them is damaged; :mod:`data.graph.decoding` says which.
    """

    def one(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = decode(image)
        return decoding.resize(pixels, size_px, mode), tf.shape(pixels)[:2]

    signature = (tf.TensorSpec([size_px, size_px, 3], tf.uint8), tf.TensorSpec([2], tf.int32))
    return tf.map_fn(one, encoded, fn_output_signature=signature, parallel_iterations=32)  # type: ignore[no-any-return]


def conversion(
    encoded: tf.Tensor, convert_to_srgb: bool
) -> tuple[icc_conversion.Tables, tf.Tensor]:
    """Returns what the colour profile of a file, if it has one, does to its pixels.

    That depends on the profile and the number of channels alone, so a server may remember it.

    Args:
      encoded: string [], a JPEG or PNG.
      convert_to_srgb: whether profiles are applied, see :class:`data.images.image_reading.Reading`.

    Returns:
      see :func:`icc_conversion.conversion`.
    """
    return icc_conversion.conversion(encoded if convert_to_srgb else tf.constant(b""))
