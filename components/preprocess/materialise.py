"""Decodes and resizes image records once, into pixels records for every epoch and trial."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pydantic
import tensorflow as tf

from data import errors, progress
from data.examples import catalog, example, examples_artifact, reading, records
from data.examples.annotation import Annotation
from data.files import read_back
from data.graph import decoding, plain_decoding
from data.images import image_reading
from tasks import task

SPEC_FILE = "pixels.json"
TASK = "resizing images"


@dataclass(frozen=True)
class Spec:
    """Description of the pixels records of an artifact.

    Attributes:
      size_px: side of the square.
      resize: how images were made square.
      labels: the label map.
      counts: split → number of records.
      reading: how ingest read the images; the served model reads them the same way.
      task: what the model learns.
    """

    size_px: int
    resize: decoding.ResizeMode
    labels: list[str]
    counts: dict[str, int]
    reading: image_reading.Reading = image_reading.DEFAULT
    task: str = task.DEFAULT

    @property
    def annotation(self) -> Annotation:
        """Returns how records and batches hold the annotation of images."""
        return task.load(self.task).target.of(len(self.labels), self.size_px, self.resize)

    def to_json(self) -> str:
        """Returns the JSON that is written into the artifact."""
        return json.dumps({**asdict(self), "reading": self.reading.to_dict()}, indent=1)

    @classmethod
    def read(cls, uri: str) -> "Spec":
        """Reads the spec of a pixels artifact.

        Raises:
          errors.DataError: it is damaged.
        """
        path = os.path.join(uri, SPEC_FILE)
        return read_back.json_file(path, "spec of the pixels", cls._of, read_back.STEP_AGAIN)

    @classmethod
    def _of(cls, raw: Any) -> "Spec":
        reading = image_reading.Reading.from_dict(raw["reading"])
        return pydantic.TypeAdapter(cls).validate_python({**raw, "reading": reading})


@dataclass(frozen=True)
class Shard:
    """Shard of image records and the shard of its pixels.

    Attributes:
      images: the shard of image records.
      catalog: the list of its images.
      pixels: the shard of pixels records to write.
    """

    images: str
    catalog: str
    pixels: str


def shards(examples_uri: str, pixels_uri: str, splits: Iterable[str]) -> list[Shard]:
    """Lists the shards of an Examples artifact, each with its path in the pixels artifact."""
    found = []
    for split in splits:
        paths = examples_artifact.shards(examples_uri, split)
        for index, path in enumerate(paths):
            listed = examples_artifact.catalog_path(examples_uri, split, index, len(paths))
            target = examples_artifact.shard_path(pixels_uri, split, index, len(paths))
            found.append(Shard(path, listed, target))
    return found


def write(shard: Shard, spec: Spec) -> int:
    """Materialises one shard; the pixels are in the order of the images.

    Args:
      shard: the shards to read and to write.
      spec: what to write.

    Returns:
      The number of records written.

    Raises:
      errors.PipelineError: a record does not decode; ingest should have rejected it.
    """
    written = records.write(shard.pixels, _pixels(shard.images, spec))
    listed = len(catalog.read_shard(shard.catalog))
    if written != listed:
        wrong = (
            f"{listed - written} of {listed} records of {shard.images} do not decode"
            if written < listed
            else f"{shard.images} has {written} records where {listed} are listed"
        )
        raise errors.PipelineError(
            f"{wrong}; the file is damaged. Delete the folder of the ingest step and run again."
        )
    return written


def _pixels(source: str, spec: Spec) -> Iterator[bytes]:
    names = [example.ENCODED, example.SHA256, example.FILENAME]
    annotation = spec.annotation

    @tf.autograph.experimental.do_not_convert  # as in data.examples.dataset
    def decode(serialized: tf.Tensor) -> tuple[tf.Tensor, ...]:
        parsed, target = example.parse_annotated(serialized[None], names, annotation)
        pixels = plain_decoding.decode(parsed[example.ENCODED][0])
        pixels = decoding.resize(pixels, spec.size_px, spec.resize)
        return pixels, target[0], parsed[example.SHA256][0], parsed[example.FILENAME][0]

    dataset = reading.records(source)
    dataset = dataset.map(decode, num_parallel_calls=reading.IMAGES_AT_ONCE, deterministic=True)
    # The caller compares the counts to learn whether an error was dropped here.
    dataset = dataset.ignore_errors().batch(64).prefetch(2)
    for pixels, targets, digests, paths in dataset.as_numpy_iterator():
        for values, target, *names_of in zip(pixels, targets, digests, paths, strict=True):
            yield example.encode_pixels(values, annotation.encode(target), *names_of)
        progress.advance(TASK, len(pixels))
