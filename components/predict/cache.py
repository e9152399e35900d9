"""Cache of answers between runs, by the model and by the image bytes.

The candidate of one run is usually the model in serving of the next, and most test images stay.
The answers of the step Predict are therefore kept, and the release gate runs the model in serving
only on images that are new to it.

    output/predictions/<name>/<SHA-256 of the model's files>/<SHA-256 of the rows' digests>.parquet

A file that is incomplete, or of another kind, counts as absent. Deleted answers are computed again.

Dimension letter: N images.
"""

import logging
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data import errors
from data.files import atomic, hashing
from tasks.predictions import schema

# The candidate, the model in serving and one to roll back to.
KEPT_MODELS = 3
SUFFIX = ".parquet"


@dataclass(frozen=True)
class Cache:
    """The kept answers of one model.

    Attributes:
      root: the folder with the answers of all models.
      model: the digest of this one.
      answer: the task's columns of what a model answered.
    """

    root: Path
    model: str
    answer: schema.Fields

    @property
    def folder(self) -> Path:
        """Returns the folder with the answers of this model."""
        return self.root / self.model

    @property
    def columns(self) -> tuple[str, ...]:
        """Returns the columns that are kept."""
        return (schema.STORED_SHA256, schema.VALID, *self.answer, schema.OUTLIER_SCORE)

    def keep(self, answers: pa.Table) -> None:
        """Keeps answers; it can be repeated.

        Args:
          answers: with at least :attr:`columns`, and the metadata of schema.make.
        """
        chosen = answers.select(list(self.columns))
        digests = "".join(chosen[schema.STORED_SHA256].to_pylist())
        path = self.folder / f"{hashing.sha256(digests.encode())}{SUFFIX}"
        with atomic.replacing(path) as temporary:
            pq.write_table(chosen, temporary)
        self.touch()

    def touch(self) -> None:
        """Records that the answers were used now, see :func:`prune`."""
        os.utime(self.folder)

    def find(self, wanted: Collection[str]) -> pa.Table | None:
        """Finds the kept answers about some images, one row for each that is known.

        Memory holds the answers that were found, and one group of rows of a file.

        Args:
          wanted: digests of stored bytes.

        Returns:
          :attr:`columns`, with the metadata of schema.make; None where no answer is known.
        """
        missing = set(wanted)
        found: list[pa.RecordBatch] = []
        kept: pa.Schema | None = None
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            try:
                of_file = schema.read_schema(str(path))
                about = self._schema(of_file)
                batches = list(_chosen(path, missing, about))
            except (errors.PipelineError, pa.ArrowException, ValueError):
                logging.warning("Kept answers are ignored: %s cannot be read.", path)
                continue
            if schema.model_of(about) != self.model or (kept and not kept.equals(about, True)):
                logging.warning("Kept answers are ignored: %s is of another model.", path)
                continue
            kept = about
            found += batches
            for batch in batches:
                missing -= set(batch.column(0).to_pylist())
        return pa.Table.from_batches(found, kept) if kept is not None and found else None

    def _schema(self, of_file: pa.Schema) -> pa.Schema:
        known = {**schema.FIELDS, **self.answer}
        columns = {name: known[name] for name in self.columns}
        names, model = schema.labels_of(of_file), schema.model_of(of_file)
        return schema.make(names, model, columns, schema.about_of(of_file))


def keep_split(root: Path, uri: str, split: str, answer: schema.Fields) -> None:
    """Keeps the answers about a split of a Predictions artifact, a shard at a time."""
    for path in schema.files(uri, split):
        kept = Cache(root, schema.model_of(schema.read_schema(path)), answer)
        answers = schema.read_columns([path], kept.columns, answer)
        if answers.num_rows:
            kept.keep(answers)
    prune(root)


def prune(root: Path, kept: int = KEPT_MODELS) -> None:
    """Deletes the answers of all models but the ``kept`` most recently used ones."""
    folders = [path for path in root.glob("*") if path.is_dir() and not path.is_symlink()]
    for path in sorted(folders, key=lambda one: one.stat().st_mtime, reverse=True)[kept:]:
        shutil.rmtree(path, ignore_errors=True)


def _chosen(path: Path, wanted: Collection[str], about: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yields the rows of one file about wanted images, each image once."""
    seen: set[str] = set()
    for read in schema.read_batches([str(path)], about.names):
        held = [read.column(read.schema.names.index(name)) for name in about.names]
        batch = pa.RecordBatch.from_arrays(held, schema=about)
        places = []
        for place, digest in enumerate(batch.column(0).to_pylist()):
            if digest in wanted and digest not in seen:
                seen.add(digest)
                places.append(place)
        if places:
            yield batch.take(pa.array(places))
