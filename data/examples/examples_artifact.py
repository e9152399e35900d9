"""Reads and writes an Examples artifact: the images in their splits, and their properties.

    <uri>/
      Split-train/                       the records; likewise Split-eval, Split-test
        examples-00000-of-00002
      catalog/                           the same images without their bytes, a file a shard
        train-00000-of-00002.jsonl
      labels.json                        the label map
      ingest.json                        the report: how many files are where, how they were read
      quarantine.csv                     the files in no split, with reasons
      boxes.csv                          what is wrong in annotations of boxes, if there are any
      unused.csv                         the unused files, with reasons
      report-parts/                      of each shard, while the artifact is written

Artifacts of pixels and of predictions have the same folders of splits. The files are defined by :mod:`data.examples.example`, :mod:`data.examples.catalog`, :mod:`data.splits.labels` and :mod:`data.examples.ingest_report`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping

import tensorflow as tf

from data.examples import catalog, ingest_report, records
from data.files import read_back
from data.splits import labels

LABELS_FILE = "labels.json"
REPORT_FILE = "ingest.json"
QUARANTINE_FILE = "quarantine.csv"
BAD_BOXES_FILE = "boxes.csv"
UNUSED_FILE = "unused.csv"
_CATALOG = "catalog"
_PARTS = "report-parts"


def split_folder(uri: str, split: str) -> str:
    """Returns the folder of a split; its name is TFX's."""
    return os.path.join(uri, f"Split-{split}")


def shard_path(uri: str, split: str, shard: int, count: int) -> str:
    """Returns the path of a shard of records, of ``count`` in its split."""
    return os.path.join(split_folder(uri, split), records.shard_name(shard, count))


def shards(uri: str, split: str) -> list[str]:
    """Returns the shards of a split, sorted."""
    return records.files(split_folder(uri, split))


def catalog_path(uri: str, split: str, shard: int, count: int) -> str:
    """Returns the path of the list of one shard's images, of ``count`` in its split."""
    return os.path.join(uri, _CATALOG, f"{split}-{shard:05d}-of-{count:05d}.jsonl")


def write_catalog(
    uri: str, images: Iterable[catalog.Image], shard_counts: Mapping[str, int]
) -> None:
    """Writes the lists of all shards, including empty ones."""
    listed: dict[tuple[str, int], list[catalog.Image]] = {
        (name, shard): [] for name, count in shard_counts.items() for shard in range(count)
    }
    for image in images:
        listed[image.split, image.shard].append(image)
    for (name, shard), members in listed.items():
        catalog.write_shard(catalog_path(uri, name, shard, shard_counts[name]), members)


def read_catalog(uri: str) -> Iterator[catalog.Image]:
    """Reads the lists of all shards, in the order of splits and shards.

    Raises:
      errors.DataError: one is damaged.
    """
    for path in sorted(tf.io.gfile.glob(os.path.join(uri, _CATALOG, "*.jsonl"))):
        yield from catalog.read_shard(path)


def read_labels(uri: str) -> list[str]:
    """Reads the label map.

    Raises:
      errors.DataError: the file is not a list of distinct names.
    """
    path = os.path.join(uri, LABELS_FILE)
    return labels.from_json(read_back.text(path, "label map"), path, read_back.STEP_AGAIN)


def write_labels(uri: str, names: list[str]) -> None:
    """Writes the label map."""
    _write(uri, LABELS_FILE, labels.to_json(names))


def read_report(uri: str) -> ingest_report.Report:
    """Reads the report of an ingest.

    Raises:
      errors.DataError: the report is damaged.
    """
    return _read_report(os.path.join(uri, REPORT_FILE))


def write_report(uri: str, report: ingest_report.Report) -> str:
    """Writes the report and the quarantine list; returns the path of the list."""
    _write(uri, REPORT_FILE, report.to_json())
    if report.boxes:
        _write(uri, BAD_BOXES_FILE, report.bad_boxes_csv())
    return _write(uri, QUARANTINE_FILE, report.quarantine_csv())


def write_report_part(uri: str, name: str, report: ingest_report.Report) -> None:
    """Writes a part of the report into the artifact, for :func:`take_report_parts`."""
    folder = os.path.join(uri, _PARTS)
    tf.io.gfile.makedirs(folder)
    _write(folder, f"{name}.json", report.to_json())


def take_report_parts(uri: str) -> list[ingest_report.Report]:
    """Reads and deletes the parts of a report."""
    folder = os.path.join(uri, _PARTS)
    parts = [
        _read_report(path) for path in sorted(tf.io.gfile.glob(os.path.join(folder, "*.json")))
    ]
    if parts:
        tf.io.gfile.rmtree(folder)
    return parts


def _read_report(path: str) -> ingest_report.Report:
    return read_back.json_file(
        path,
        ingest_report.WHAT,
        ingest_report.Report.of,
        read_back.STEP_AGAIN,
        read_back.MAX_LIST_BYTES,
    )


def _write(folder: str, name: str, text: str) -> str:
    path = os.path.join(folder, name)
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
    return path
