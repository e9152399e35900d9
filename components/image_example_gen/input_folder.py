"""Input of ingest: the listing, checked as on the command line, and the list of unused files."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from components.image_example_gen import config as ingest_config
from data import errors
from data.examples import examples_artifact
from data.files import atomic, spreadsheet
from data.layout.unused import Note, Unused
from data.sources import label_source
from data.sources import registry as label_sources
from data.splits import folder
from tasks import task

UNUSED_HEADER = ("path", "reason", "is_image")


@contextmanager
def unused_list(state_dir: str, uri: str) -> Iterator[Note]:
    """Writes the list of unused files row by row: it may be longer than memory holds.

    Args:
      state_dir: folder of a copy, for when the step fails and its artifact is deleted.
      uri: the artifact.

    Yields:
      A function that writes a row, see data/layout/unused.py.
    """
    path = Path(state_dir, examples_artifact.UNUSED_FILE)
    with (
        atomic.replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        put = spreadsheet.writing(file, UNUSED_HEADER)

        def note(row: Unused) -> None:
            is_image = str(row.is_image).lower()
            put((row.path, row.reason.value, is_image))

        yield note
    tf.io.gfile.makedirs(uri)
    tf.io.gfile.copy(str(path), os.path.join(uri, examples_artifact.UNUSED_FILE), overwrite=True)


def listed(root: str, job: ingest_config.IngestJob, note: Note) -> folder.Listing:
    """Lists the data folder as the command line did, and checks it again: it may have changed.

    Args:
      root: the data folder.
      job: the settings and the label map.
      note: called with each file that is not used.

    Raises:
      errors.DataError: the folder is too small for a classifier, or has a class that is not in the
        label map.
    """
    rule = task.load(job.task).label_rule
    asked = label_source.Request(Path(root), job.config, job.source, rule, job.masks)
    listing = label_sources.scan(asked, note)
    label_sources.check(listing, asked)
    new = sorted(set(listing.class_names) - set(job.labels))
    if new:
        raise errors.DataError(
            f"The class {new[0]!r} was added to {root} after this run, or its package for Kubeflow,"
            " was made, and is not in its label map. Run the command again."
        )
    return listing
