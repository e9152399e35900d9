"""Corrections in ingest: which of a list a run applies, and what they do to its files.

The command line decides which decisions count, and a person may go on deciding meanwhile: the job
names how many of the oldest rows count, and a hash of what they do.
"""

from collections.abc import Mapping
from pathlib import Path

from components.image_example_gen import config as ingest_config
from data import errors
from data.corrections import applying, decisions
from data.splits import file_index, folder
from tasks import task


def read(path: Path, task_name: str, rows: int | None = None) -> applying.Corrections:
    """Reads a list of corrections as they count for a task; empty if there is no list.

    Args:
      path: the list.
      task_name: what the model learns.
      rows: how many of the oldest decisions count; None: all.

    Raises:
      errors.DataError: it is damaged.
    """
    rule = task.load(task_name).label_rule
    found = decisions.Log(path).read(rows)
    return applying.Corrections(found, any_labels=rule.annotates != "images")


def job(path: Path, corrections: applying.Corrections) -> ingest_config.CorrectionsJob | None:
    """Returns what ingest is told; None where no decision changes anything.

    Args:
      path: the list.
      corrections: its decisions.
    """
    if not corrections:
        return None
    return ingest_config.CorrectionsJob(
        file=str(path.resolve()), rows=corrections.extent, key=corrections.key()
    )


def apply(
    listing: folder.Listing,
    rows: Mapping[str, file_index.Row],
    asked: ingest_config.IngestJob,
) -> applying.Corrected:
    """Applies the corrections of a job to the files of a listing.

    Args:
      listing: the files, with the labels of the data folder.
      rows: path → row of the index.
      asked: the settings.

    Raises:
      errors.DataError: the list is damaged, or has other decisions than when the run began.
    """
    wanted = asked.corrections
    if wanted is None:
        return applying.Corrected(listing, rows)
    found = read(Path(wanted.file), asked.task, wanted.rows)
    if found.key() != wanted.key:
        raise errors.DataError(
            f"Corrections were removed from {wanted.file} after this run, or its package for"
            " Kubeflow, was made. Run the command again."
        )
    return applying.apply(listing, rows, found)
