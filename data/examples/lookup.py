"""Reads encoded images from shards, by their path or one of each class."""

import itertools
from collections.abc import Collection, Iterator, Sequence

import tensorflow as tf

from data.examples import example, reading

BATCH = 64


def by_path(files: Sequence[str], paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yields (path, encoded image) of some images, in the order of the records.

    Args:
      files: shards of image records.
      paths: by image/filename; paths in no shard are ignored.
    """
    wanted = set(paths)
    for names, encoded in _rows(files, example.FILENAME) if wanted else ():
        for name in names:
            if name in wanted:
                yield name, encoded
                wanted.remove(name)
        if not wanted:
            return


def one_of_each_class(files: Sequence[str], classes: int) -> dict[str, bytes]:
    """Returns class name → its first encoded image in the order of the records.

    An image may have several classes, or none.

    Args:
      files: shards of image records.
      classes: the number of classes after which the search ends.
    """
    chosen: dict[str, bytes] = {}
    for names, encoded in _rows(files, example.CLASS_TEXT):
        for name in names:
            if len(chosen) < classes:
                chosen.setdefault(name, encoded)
        if len(chosen) >= classes:
            break
    return dict(sorted(chosen.items()))


def first(files: Sequence[str], count: int) -> list[bytes]:
    """Returns up to ``count`` encoded images, the first in the order of the records.

    Args:
      files: shards of image records.
      count: how many.
    """
    return [encoded for _, encoded in itertools.islice(_rows(files, example.FILENAME), count)]


def _rows(files: Sequence[str], text: str) -> Iterator[tuple[list[str], bytes]]:
    """Yields the values of a feature of any length, and the encoded image."""
    for serialized in reading.records(sorted(files)).batch(BATCH).prefetch(1):
        ragged = {text: tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)}
        texts = tf.io.parse_example(serialized, ragged)[text]
        encoded = example.parse(serialized, [example.ENCODED])[example.ENCODED].numpy()
        splits, values = texts.row_splits.numpy(), texts.values.numpy()
        for place, content in enumerate(encoded):
            own = values[splits[place] : splits[place + 1]]
            yield [name.decode("utf-8", "surrogateescape") for name in own], content
