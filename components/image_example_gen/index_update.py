"""Inspects the new files of a folder, and scales all images of more than 8 bits by one rule.

The rule depends on the whole set, so it is known only after all files were inspected. Images that
were stored by another rule until then are decoded once more.
"""

import logging
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace

from components.image_example_gen import config as ingest_config
from components.image_example_gen import first_pass
from data import progress
from data.images import decode, range_choice, value_range
from data.splits import file_index, folder

Tasks = list[first_pass.Task]
Look = Callable[[Tasks, value_range.Scale], None]


@dataclass(frozen=True)
class Inspected:
    """Results of the inspection of a listing.

    Attributes:
      listing: the files.
      rows: path → row, for every listed file unless a worker lost its results.
      decoded: number of files that were new or changed and so were decoded.
      scale: the rule for values of more than 8 bits.
      scaled: report on the scaling.
    """

    listing: folder.Listing
    rows: dict[str, file_index.Row]
    decoded: int
    scale: value_range.Scale
    scaled: list[range_choice.Scaled]

    @property
    def listed(self) -> list[file_index.Row]:
        """Lists the rows of the listed files, in order."""
        return [self.rows[file.path] for file in self.listing.files]


def inspect(listing: folder.Listing, job: ingest_config.IngestJob, look: Look) -> Inspected:
    """Updates the index.

    Args:
      listing: the files.
      job: the settings, and the folder of the index.
      look: inspects files by a rule and appends their rows to the index; called at most twice.
    """
    workspace = first_pass.Workspace.of(job)
    rows = file_index.load(workspace.index_dir)
    tasks = first_pass.new_files(listing, rows, workspace)
    fresh = {task.path for task in tasks}
    if tasks:
        # By the rule of the known files, which rarely changes.
        known = _values(listing, rows, leave_out=fresh)
        scale, _ = _decide(known, rows, job, workspace)
        _start(look, tasks, scale)
        rows = file_index.load(workspace.index_dir)
    decoded = first_pass.count_decoded(tasks, rows)
    known = _values(listing, rows)
    scale, scaled = _decide(known, rows, job, workspace)
    stale = {path for path, values in known.items() if values.scaled != scale.of(values.kind)}
    if stale:
        again = [first_pass.Task.of(file) for file in listing.files if file.path in stale]
        _start(look, again, scale)
        rows = _without_changed(rows, file_index.load(workspace.index_dir), stale)
    scaled = [replace(one, rescaled=_count(one.kind, known, stale - fresh)) for one in scaled]
    return Inspected(listing, rows, decoded, scale, scaled)


def _start(look: Look, tasks: Tasks, scale: value_range.Scale) -> None:
    progress.start(first_pass.TASK, total=len(tasks))
    look(tasks, scale)


def _values(
    listing: folder.Listing, rows: Mapping[str, file_index.Row], leave_out: Set[str] = frozenset()
) -> dict[str, value_range.Values]:
    """Maps the path of each listed image of more than 8 bits to its values."""
    found = {}
    for file in listing.files:
        row = rows.get(file.path)
        if row is None or file.path in leave_out or not isinstance(row.result, decode.ImageInfo):
            continue
        if row.result.values is not None:
            found[file.path] = row.result.values
    return found


def _decide(
    known: Mapping[str, value_range.Values],
    rows: Mapping[str, file_index.Row],
    job: ingest_config.IngestJob,
    workspace: first_pass.Workspace,
) -> tuple[value_range.Scale, list[range_choice.Scaled]]:
    counters: dict[str, value_range.Counter] = {}
    if workspace.counted:
        for path, values in known.items():
            counter = counters.setdefault(values.kind, value_range.Counter())
            try:
                counter.add(workspace.read_histogram(rows[path].sha256))
            except (OSError, ValueError) as error:
                logging.warning("%s is left out of the percentiles: %s", path, error)
                workspace.histogram(rows[path].sha256).unlink(missing_ok=True)
    return range_choice.decide(job.config.value_range, known, counters)


def _without_changed(
    before: Mapping[str, file_index.Row], after: dict[str, file_index.Row], stale: set[str]
) -> dict[str, file_index.Row]:
    """Replaces the row of each file that changed between two inspections by a rejection.

    Its values were not part of the rule, and the next run inspects it again.
    """
    for path in stale:
        row = after[path]
        usable = isinstance(row.result, decode.ImageInfo)
        if usable and row.sha256 != before[path].sha256:
            after[path] = row._replace(result=decode.Rejection("changed"))
    return after


def _count(kind: value_range.Kind, known: Mapping[str, value_range.Values], paths: set[str]) -> int:
    return sum(known[path].kind == kind for path in paths)
