"""Deletes the leftovers of old runs, but nothing that a pushed version or newer run needs."""

import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from data import errors
from pipeline import output_folder
from pipeline.history import lineage, mlmd

_STATES = metadata_store_pb2.Artifact
_DONE = ("ran", "cached")


@dataclass(frozen=True)
class Plan:
    """The plan of a cleaning.

    Attributes:
      runs: the runs to clean, the oldest first.
      artifacts: the artifacts to delete.
      logs: the log files to delete.
      size_bytes: the space that is freed; a file with several names counts if all are deleted.
    """

    runs: list[str]
    artifacts: list[mlmd.Artifact]
    logs: list[Path]
    size_bytes: int


def plan(output: Path, keep: int) -> Plan:
    """Determines what would be deleted.

    Kept are: what the newest ``keep`` runs, and always the newest complete run, made or took from
    the cache; and everything behind a version that is still on disk, whether served, kept or
    withdrawn.

    Args:
      output: the output directory.
      keep: how many runs.

    Raises:
      errors.UserError: ``keep`` is below 1, or there are no runs.
    """
    if keep < 1:
        raise errors.UserError(f"--keep is {keep}; at least 1 run is kept.")
    folder = output_folder.OutputFolder(output)
    past = mlmd.read(output)
    runs = past.runs()
    old = list(runs)[:-keep]
    finished = [name for name, steps in runs.items() if all(one.state in _DONE for one in steps)]
    kept = {*list(runs)[-keep:], *finished[-1:]}
    needed = {
        artifact
        for step in past.steps
        if step.run_id in kept
        for artifact in (*step.inputs, *step.outputs)
    }
    needed |= _of_versions(past)
    root = folder.artifacts.resolve()
    gone = [
        artifact
        for number, artifact in sorted(past.artifacts.items())
        if number not in needed
        and _lies_in(artifact.uri, root)
        and (artifact.live or Path(artifact.uri).exists())
    ]
    old = [name for name in old if name not in kept]
    logs = [path for name in old if (path := folder.log(name)).is_file()]
    size = _size([*(Path(one.uri) for one in gone), *logs])
    return Plan(old, gone, logs, size)


def carry_out(output: Path, planned: Plan) -> None:
    """Carries out a plan; if it is interrupted, the next cleaning finishes it."""
    store = mlmd.connect(output, writing=True)
    rows = store.get_artifacts_by_id([one.number for one in planned.artifacts])
    # First in ML Metadata, then on disk: no run takes from the cache what is about to be deleted.
    _mark(store, rows, _STATES.MARKED_FOR_DELETION)
    for artifact in planned.artifacts:
        shutil.rmtree(artifact.uri, ignore_errors=True)
    _mark(store, rows, _STATES.DELETED)
    for path in planned.logs:
        path.unlink(missing_ok=True)


def _mark(
    store: metadata_store.MetadataStore, rows: list[metadata_store_pb2.Artifact], state: int
) -> None:
    for row in rows:
        row.state = state
    if rows:
        store.put_artifacts(rows)


def _of_versions(past: mlmd.Past) -> set[int]:
    """Returns the artifacts behind the versions that are still on disk."""
    makers = [
        past.maker(number)
        for number, artifact in lineage.pushed(past).items()
        if lineage.state_of(lineage.place(artifact)) is not lineage.State.DELETED
    ]
    return {
        artifact
        for run_id in {maker.run_id for maker in makers if maker}
        for step in past.behind(run_id)
        for artifact in (*step.inputs, *step.outputs)
    }


def _lies_in(uri: str, root: Path) -> bool:
    return Path(uri).resolve().is_relative_to(root)


def _size(paths: list[Path]) -> int:
    """Bytes that are free once the paths are deleted."""
    names: dict[tuple[int, int], tuple[int, int, int]] = {}
    for path in paths:
        for file in path.rglob("*") if path.is_dir() else [path]:
            status = file.lstat()
            if not stat.S_ISDIR(status.st_mode):
                key = (status.st_dev, status.st_ino)
                seen = names.get(key, (0, 0, 0))[0]
                names[key] = (seen + 1, status.st_nlink, status.st_size)
    return sum(size for seen, links, size in names.values() if seen >= links)
