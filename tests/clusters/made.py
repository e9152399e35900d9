"""What a run on an engine stored."""

import collections

import tensorflow as tf

from data.examples import examples_artifact
from data.splits import split


def stored(uri: str) -> dict[str, collections.Counter]:
    """Split → its records and how often each is there."""
    return {
        name: collections.Counter(
            tf.data.TFRecordDataset(examples_artifact.shards(uri, name)).as_numpy_iterator()
        )
        for name in split.SPLITS
    }
