"""Reads encoded images from shards, by their path or one of each class."""

from collections.abc import Collection, Iterator, Sequence

import tensorflow as tf

from data.examples import example

BATCH = 64


def by_path(files: Sequence[str], paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yields (path, encoded image) of some images, in the order of the records.

    Args:
      files: shards of image records.
      paths: by image/filename; paths in no shard are ignored.
    """
    wanted = set(paths)
    for name, encoded in _rows(files, example.FILENAME):
        if name in wanted:
            yield name, encoded


def one_of_each_class(files: Sequence[str], classes: int) -> dict[str, bytes]:
    """Returns class name → its first encoded image in the order of the records.

    Args:
      files: shards of image records.
      classes: the number of classes after which the search ends.
    """
    chosen: dict[str, bytes] = {}
    for name, encoded in _rows(files, example.CLASS_TEXT):
        chosen.setdefault(name, encoded)
        if len(chosen) >= classes:
            break
    return dict(sorted(chosen.items()))


def _rows(files: Sequence[str], text: str) -> Iterator[tuple[str, bytes]]:
    for serialized in tf.data.TFRecordDataset(sorted(files)).batch(BATCH).prefetch(1):
        parsed = example.parse(serialized, [text, example.ENCODED])
        names, encoded = parsed[text].numpy(), parsed[example.ENCODED].numpy()
        for name, content in zip(names, encoded, strict=True):
            yield name.decode("utf-8", "surrogateescape"), content
