"""The command ``replay``, and the flags of ``serve`` that record images for it."""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich import progress

from serving import errors, served_version, tables
from serving.client import in_process
from serving.replay import recording, replay, replay_report

DEFAULT_LIMIT = 1000
DEFAULT_MAX_DISAGREEMENT = 0.02


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``replay`` except --model-dir."""
    add = parser.add_argument
    images = parser.add_mutually_exclusive_group(required=True)
    images.add_argument("--images", type=Path, metavar="FOLDER", help="folder of images")
    images.add_argument(
        "--recorded", type=Path, metavar="FILE", help="file of requests that serve --record wrote"
    )
    which = "version's number, or a folder with a SavedModel (default: "
    add("--from", dest="first", metavar="VERSION", help=f"old {which}the served version)")
    add("--to", dest="second", metavar="VERSION", help=f"new {which}the newest other version)")
    add(
        "--limit",
        type=_count,
        default=DEFAULT_LIMIT,
        help="maximum number of images, spread evenly over the set (default: %(default)s)",
    )
    add(
        "--max-disagreement",
        type=fraction,
        default=DEFAULT_MAX_DISAGREEMENT,
        metavar="FRACTION",
        help="allowed fraction of images with a disagreement; above it: exit code 3 (%(default)s)",
    )
    add("--report", type=_report_path, metavar="FILE", help="write a report: .html or .json")


def add_recording_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of ``serve`` that record requests."""
    add = parser.add_argument
    add("--record", type=Path, metavar="FILE", help="file to append the images of REST requests to")
    add(
        "--record-fraction",
        type=fraction,
        default=recording.DEFAULT_FRACTION,
        metavar="FRACTION",
        help="fraction of the requests to record (default: %(default)s)",
    )
    add(
        "--record-limit-bytes",
        type=_count,
        default=recording.DEFAULT_LIMIT_BYTES,
        metavar="BYTES",
        help="maximum size of the recorded file (default: %(default)s)",
    )


def recorder(given: argparse.Namespace, report: Callable[[str], None]) -> recording.Recorder | None:
    """Returns the recorder that the flags of ``serve`` configure; None without --record.

    Raises:
      errors.UserError: its file cannot be written.
    """
    if given.record is None:
        return None
    return recording.Recorder(given.record, given.record_fraction, given.record_limit_bytes, report)


def run(given: argparse.Namespace) -> None:
    """Replays, prints the results and writes the report.

    Raises:
      errors.UserError: a version or the images cannot be used.
      errors.DisagreementError: the versions differ by more than is allowed.
    """
    old, new = replay.choose(given.model_dir, given.first, given.second)
    unreadable: list[recording.Unreadable] = []
    if given.images is not None:
        recorded = recording.of_folder(given.images)
    else:
        recorded, unreadable = recording.of_file(given.recorded)
    chosen = recording.spread(recorded, given.limit)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported
    models = [in_process.Model(_name(path, given.model_dir), path) for path in (old, new)]
    found = replay.run(models[0], models[1], _shown(chosen), unreadable)
    tables.replayed(found, len(recorded), given.max_disagreement)
    if given.report is not None:
        replay_report.write(found, chosen, given.max_disagreement, given.report)
    if found.fraction > given.max_disagreement:
        raise errors.DisagreementError(
            f"{models[0].name} and {models[1].name} disagree on {found.fraction:.1%} of the images;"
            f" at most {given.max_disagreement:.1%} is allowed (--max-disagreement)."
        )


def fraction(text: str) -> float:
    """Parses a number in 0–1, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a fraction; allowed are 0 to 1")
    return value


def _count(text: str) -> int:
    if not (text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def _report_path(text: str) -> Path:
    path = Path(text)
    if path.suffix not in replay_report.WRITERS:
        allowed = " or ".join(replay_report.WRITERS)
        raise argparse.ArgumentTypeError(f"{text} must end in {allowed}")
    return path


def _name(path: Path, model_dir: Path) -> str:
    own = path.parent in (model_dir, model_dir / served_version.WITHDRAWN)
    return f"version {path.name}" if own else str(path)


def _shown(chosen: Sequence[recording.Recorded]) -> Iterator[recording.Recorded]:
    """Yields the images with a progress bar."""
    yield from progress.track(chosen, "Replaying", console=tables.aside(), transient=True)
