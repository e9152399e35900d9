"""Writes Examples without the removed images, and reads the bytes of single records."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence

import tensorflow as tf

from data.examples import catalog, example, examples_artifact, ingest_report, reading, records
from data.splits import split

Place = tuple[str, int]


def write(
    source_uri: str,
    target_uri: str,
    images: Sequence[catalog.Image],
    removed: Collection[int],
    report: ingest_report.Report,
) -> None:
    """Writes an Examples artifact with everything but the removed images.

    Shards that lose no image are hard-linked if the file system can, and copied otherwise.

    Args:
      source_uri: the Examples artifact.
      target_uri: the artifact to write.
      images: its catalog.
      removed: indices in the catalog.
      report: of the artifact to write.
    """
    positions = _positions(images, removed)
    counts = {}
    for name in split.SPLITS:
        target = examples_artifact.split_folder(target_uri, name)
        tf.io.gfile.makedirs(target)
        paths = examples_artifact.shards(source_uri, name)
        counts[name] = len(paths)
        for shard, path in enumerate(paths):
            wanted = os.path.join(target, os.path.basename(path))
            dropped = positions.get((name, shard))
            if dropped:
                records.write(wanted, _rest(path, dropped))
            else:
                _link(path, wanted)
    kept = (image for index, image in enumerate(images) if index not in removed)
    examples_artifact.write_catalog(target_uri, kept, counts)
    examples_artifact.write_labels(target_uri, examples_artifact.read_labels(source_uri))
    examples_artifact.write_report(target_uri, report)


def read_encoded(
    uri: str, images: Sequence[catalog.Image], wanted: Collection[int]
) -> Iterator[tuple[int, bytes]]:
    """Yields (index in the catalog, encoded image) of some images, in the order of the records."""
    for index, serialized in read_records(uri, images, wanted):
        parsed = example.parse(tf.constant([serialized]), [example.ENCODED])
        yield index, parsed[example.ENCODED].numpy()[0]


def read_records(
    uri: str, images: Sequence[catalog.Image], wanted: Collection[int]
) -> Iterator[tuple[int, bytes]]:
    """Yields (index in the catalog, serialized record) of some images, in the order of the records."""
    by_shard: dict[Place, dict[int, int]] = {}
    for index, place, position in _places(images):
        if index in wanted:
            by_shard.setdefault(place, {})[position] = index
    for (name, shard), positions in sorted(by_shard.items()):
        path = examples_artifact.shards(uri, name)[shard]
        chosen = tf.constant(sorted(positions), tf.int64)
        dataset = reading.records(path).enumerate().filter(_among(chosen))
        for position, serialized in dataset.as_numpy_iterator():
            yield positions[int(position)], serialized


def _among(chosen: tf.Tensor) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    return lambda position, _: tf.reduce_any(chosen == position)


def _places(images: Sequence[catalog.Image]) -> Iterator[tuple[int, Place, int]]:
    """Yields for each image its index, its split and shard, and its position in the shard."""
    counts: dict[Place, int] = {}
    for index, image in enumerate(images):
        place = (image.split, image.shard)
        position = counts.get(place, 0)
        counts[place] = position + 1
        yield index, place, position


def _positions(images: Sequence[catalog.Image], removed: Collection[int]) -> dict[Place, set[int]]:
    positions: dict[Place, set[int]] = {}
    for index, place, position in _places(images):
        if index in removed:
            positions.setdefault(place, set()).add(position)
    return positions


def _rest(path: str, dropped: Collection[int]) -> Iterator[bytes]:
    for position, record in enumerate(reading.records(path).as_numpy_iterator()):
        if position not in dropped:
            yield record


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or an object store
        tf.io.gfile.copy(source, target, overwrite=True)
