"""Data sets that TensorFlow neither rewrites nor tunes, which is the project's way to read records.

Its tuning begins anew in each iterator, and an iterator that ends waits for it: until 10 ms · (2ⁿ − 1) after it
began, so of 1.3 s for another 1.2 s and of 41 s for up to 41 more, in which nothing is computed. An epoch is an
iterator, and so is a shard. Rewriting takes 40 ms an iterator, and fuses nothing in the data sets here.
"""

import os
from collections.abc import Sequence

import tensorflow as tf

# Calls of a function on single images at a time: as many as there are cores.
IMAGES_AT_ONCE = os.cpu_count() or 1
# … and on batches, of which each holds memory until the one before it is taken.
BATCHES_AT_ONCE = min(8, IMAGES_AT_ONCE)


def records(files: str | Sequence[str]) -> tf.data.Dataset:
    """Reads serialised records, string [], in the given order of the shards."""
    return untuned(tf.data.TFRecordDataset(files if isinstance(files, str) else list(files)))


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Keeps TensorFlow from rewriting and tuning a data set, and all that is made of it."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options)
