"""What a run on an engine stored."""

import collections
import os

import tensorflow as tf

from data import records, split


def stored(uri: str) -> dict[str, collections.Counter]:
    """Split → its records and how often each is there."""
    return {
        name: collections.Counter(
            tf.data.TFRecordDataset(
                records.files(os.path.join(uri, f"Split-{name}"))
            ).as_numpy_iterator()
        )
        for name in split.SPLITS
    }
