"""Checks the report of an ingest: no file was lost, and the rest suffices for a classifier."""

import shlex
from collections import Counter

from data import errors
from data.examples.ingest_report import Quarantined, Report
from data.images import refusals
from data.splits import folder, split


def check(report: Report, listing: folder.Listing, quarantine_path: str) -> None:
    """Checks that no file was lost and that the rest suffices for a classifier.

    Raises:
      errors.PipelineError: the numbers of files found and accounted for differ.
      errors.DataError: fewer than two classes to train on, or an empty split.
    """
    if report.found != listing.found:
        raise errors.PipelineError(
            f"{listing.found} files were found in {listing.root} but {report.found} accounted for: the"
            " folder changed during the run. Run again."
        )
    check_classifier(report, quarantine_path)


def check_classifier(report: Report, where: str) -> None:
    """Checks that each class has an image, two have training images and no split is empty.

    Images that have no labels at all need no classes.

    Args:
      report: the report on the files.
      where: the file with the reasons of those in quarantine.

    Raises:
      errors.DataError: states what is wrong, and why images are missing.
    """
    counts = report.counts()
    bad = _why_missing(report.quarantined, where)
    problems = []
    trained = [name for name, count in report.examples.get("train", {}).items() if count]
    fewest, words = (1, "one class needs") if report.boxes else (2, "two classes need")
    if len(trained) < fewest and not report.is_unlabelled:
        have = f"only {trained[0]!r}" if trained else "none"
        problems.append(
            f"At least {words} images to train on; {have} of those in {report.source} has any.{bad}"
        )
    else:
        problems = [
            f"The {name} split is empty: {sum(counts.values())} readable images are too few for"
            f" its share. Add images, or raise --ingest.split.{name}.{bad}"
            for name in split.SPLITS
            if not counts[name]
        ]
        problems += _lost_classes(report, where)
    if problems:
        raise errors.DataError(*problems)


def _why_missing(rows: list[Quarantined], where: str) -> str:
    """Describes the files in quarantine: unreadable ones, and those that a check removed."""
    if not rows:
        return ""
    reasons = Counter(row.reason for row in rows)
    dropped = {name: count for name, count in reasons.items() if name == refusals.DROPPED}
    unreadable = {
        name: count
        for name, count in reasons.items()
        if name in refusals.REASONS and name not in dropped
    }
    removed = {name: count for name, count in reasons.items() if name not in refusals.REASONS}
    parts = [
        f"{sum(found.values())} files {words} ({', '.join(f'{n} {name}' for name, n in found.items())})"
        for found, words in (
            (dict(sorted(unreadable.items())), "could not be read"),
            (dict(sorted(removed.items())), "were removed by checks"),
            (dropped, "were left out by corrections"),
        )
        if found
    ]
    return f" {' and '.join(parts)}, see {where}."


def _lost_classes(report: Report, where: str) -> list[str]:
    """Returns a sentence for each class whose files are all in quarantine."""
    present = {name for counts in report.examples.values() for name in counts if counts[name]}
    lost: dict[str, list[Quarantined]] = {}
    for row in report.quarantined:
        for name in row.labels:
            if name not in present:
                lost.setdefault(name, []).append(row)
    return [
        f"The class {name!r} has no usable image:{_why_missing(rows, where)} Repair the files, or"
        f" leave the class out: --ingest.exclude-classes {shlex.quote(name)}."
        for name, rows in sorted(lost.items())
    ]
