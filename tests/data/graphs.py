"""The served decoding as one graph for each set of rules; making one takes ten seconds."""

import functools
from typing import Any

import tensorflow as tf

from data import graph, image_reading


@functools.cache
def decoding(reading: image_reading.Reading) -> Any:
    """Of an image's bytes: its pixels, and why it is refused."""
    return tf.function(
        lambda content: graph.decode_or_refuse(content, reading),
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )
