"""The report of an ingest on every file, and the checks that nothing was lost."""

import json
import os
import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import pydantic
import tensorflow as tf

from data import (
    errors,
    folder,
    image_reading,
    labels,
    range_choice,
    read_back,
    refusals,
    split,
    spreadsheet,
)

REPORT_FILE = "ingest.json"
QUARANTINE_FILE = "quarantine.csv"
_PARTS = "report-parts"
_WHAT = "report of an ingest"
QUARANTINE_HEADER = ("path", "class", "reason", "detail")


@dataclass(frozen=True, order=True)
class Quarantined:
    """A file in no split, and the reason.

    ``reason`` is a code of refusals.REASONS, or the name of the check that took it out.
    """

    path: str
    class_name: str
    reason: str
    detail: str = ""


@dataclass
class Report:
    """The outcome for all files; the sum of the reports of the shards.

    Attributes:
      examples: split → class name → number of records.
      quarantined: the files in no split, sorted by path.
      unused: reason → how many files are unused for it, see data/layout/unused.py.
      decoded: how many files were decoded; the others were known from an earlier ingest.
      reencoded: how many records hold other bytes than their file.
      source: the data folder.
      max_duplicate_distance: the configured distance, in bits of 256, up to which images count as
        near-duplicates.
      duplicate_distance: the distance that was used; smaller if look-alikes would have counted.
      reading: the rules by which the images were read.
      scaled: the scaling of images of more than 8 bits to 0–255; empty if there are none.
    """

    examples: dict[str, dict[str, int]] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)
    unused: dict[str, int] = field(default_factory=dict)
    decoded: int = 0
    reencoded: int = 0
    source: str = ""
    max_duplicate_distance: int = split.MAX_DISTANCE
    duplicate_distance: int = split.MAX_DISTANCE
    reading: image_reading.Reading = image_reading.DEFAULT
    scaled: list[range_choice.Scaled] = field(default_factory=list)

    @property
    def found(self) -> int:
        """Returns the number of files: in a split, in quarantine, or unused."""
        return sum(self.counts().values()) + len(self.quarantined) + sum(self.unused.values())

    def counts(self) -> dict[str, int]:
        """Returns split → number of records, for every split."""
        return {name: sum(self.examples.get(name, {}).values()) for name in split.SPLITS}

    def reasons(self) -> list[tuple[str, int]]:
        """Returns quarantine reason → number of files, the most frequent first."""
        return Counter(row.reason for row in self.quarantined).most_common()

    def to_json(self) -> str:
        """Serialises the report for the artifact."""
        raw = {"found": self.found, **asdict(self), "reading": self.reading.to_dict()}
        return json.dumps(raw, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Parses the result of :meth:`to_json`.

        Raises:
          errors.DataError: it is not a report.
        """
        return read_back.from_json(text, _WHAT, cls._of, read_back.STEP_AGAIN)

    @classmethod
    def read(cls, uri: str) -> "Report":
        """Reads the report of an Examples artifact.

        Raises:
          errors.DataError: it is damaged.
        """
        return cls._read(os.path.join(uri, REPORT_FILE))

    @classmethod
    def _read(cls, path: str) -> "Report":
        return read_back.json_file(
            path, _WHAT, cls._of, read_back.STEP_AGAIN, read_back.MAX_LIST_BYTES
        )

    @classmethod
    def _of(cls, raw: Any) -> "Report":
        reading = image_reading.Reading.from_dict(raw["reading"])
        scaled = [range_choice.Scaled.from_dict(one) for one in raw["scaled"]]
        made = {**raw, "reading": reading, "scaled": scaled}
        return pydantic.TypeAdapter(cls).validate_python(made)

    def quarantine_csv(self) -> str:
        """Returns the quarantine list as CSV with a header."""
        return spreadsheet.text(
            QUARANTINE_HEADER, (asdict(row).values() for row in self.quarantined)
        )

    def write_part(self, uri: str, name: str) -> None:
        """Writes a part of the report into the artifact, for :func:`take_parts`."""
        tf.io.gfile.makedirs(os.path.join(uri, _PARTS))
        with tf.io.gfile.GFile(os.path.join(uri, _PARTS, f"{name}.json"), "w") as file:
            file.write(self.to_json())

    def write(self, uri: str) -> str:
        """Writes the report and the quarantine list; returns the path of the list."""
        path = os.path.join(uri, QUARANTINE_FILE)
        for name, text in ((REPORT_FILE, self.to_json()), (QUARANTINE_FILE, self.quarantine_csv())):
            with tf.io.gfile.GFile(os.path.join(uri, name), "w") as file:
                file.write(text)
        return path


def take_parts(uri: str) -> list[Report]:
    """Reads and deletes the parts of a report in an artifact."""
    parts = []
    for path in sorted(tf.io.gfile.glob(os.path.join(uri, _PARTS, "*.json"))):
        parts.append(Report._read(path))
    if parts:
        tf.io.gfile.rmtree(os.path.join(uri, _PARTS))
    return parts


def merge(reports: Iterable[Report]) -> Report:
    """Merges reports; the order of the parts does not matter."""
    totals: dict[str, Counter[str]] = {name: Counter() for name in split.SPLITS}
    merged = Report()
    passed_over: Counter[str] = Counter()
    for report in reports:
        for name, counts in report.examples.items():
            totals[name].update(counts)
        merged.quarantined += report.quarantined
        passed_over.update(report.unused)
        merged.decoded += report.decoded
        merged.reencoded += report.reencoded
        merged.source = merged.source or report.source
    merged.examples = {name: dict(sorted(counts.items())) for name, counts in totals.items()}
    merged.unused = dict(sorted(passed_over.items()))
    merged.quarantined.sort()
    return merged


def check(report: Report, listing: folder.Listing, quarantine_path: str) -> None:
    """Checks that no file was lost and that the remaining ones can make a classifier.

    Raises:
      errors.PipelineError: the numbers of found and reported files differ.
      errors.DataError: fewer than two classes to train on, or an empty split.
    """
    if report.found != listing.found:
        raise errors.PipelineError(
            f"{listing.found} files were found in {listing.root} but {report.found} accounted for: the"
            " folder changed during the run. Run again."
        )
    check_classifier(report, quarantine_path)


def check_classifier(report: Report, where: str) -> None:
    """Checks that each class has an image, two can be trained on and no split is empty.

    Args:
      report: the report.
      where: the file that lists the quarantined files with their reasons.

    Raises:
      errors.DataError: with the problem, and why images are missing.
    """
    counts = report.counts()
    bad = _why_missing(report.quarantined, where)
    problems = []
    trained = [name for name, count in report.examples.get("train", {}).items() if count]
    if len(trained) < 2:
        have = f"only {trained[0]!r}" if trained else "none"
        problems.append(
            f"At least two classes need images to train on; {have} of those in"
            f" {report.source} has any.{bad}"
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
    """Returns a sentence on the quarantined files: unreadable, or taken out by a check."""
    if not rows:
        return ""
    reasons = Counter(row.reason for row in rows)
    unreadable = {name: count for name, count in reasons.items() if name in refusals.REASONS}
    removed = {name: count for name, count in reasons.items() if name not in refusals.REASONS}
    parts = [
        f"{sum(found.values())} files {words} ({', '.join(f'{n} {name}' for name, n in found.items())})"
        for found, words in (
            (dict(sorted(unreadable.items())), "could not be read"),
            (dict(sorted(removed.items())), "were taken out by checks"),
        )
        if found
    ]
    return f" {' and '.join(parts)}, see {where}."


def _lost_classes(report: Report, where: str) -> list[str]:
    """Returns a sentence for each class all of whose files are in quarantine."""
    present = {name for counts in report.examples.values() for name in counts if counts[name]}
    lost: dict[str, list[Quarantined]] = {}
    for row in report.quarantined:
        if row.class_name not in present:
            lost.setdefault(row.class_name, []).append(row)
    return [
        f"The class {name!r} has no usable image:{_why_missing(rows, where)} Repair the files, or"
        f" leave the class out: --ingest.exclude-classes {shlex.quote(name)}."
        for name, rows in sorted(lost.items())
    ]


def read_labels(uri: str) -> list[str]:
    """Reads the label map of an Examples artifact.

    Raises:
      errors.DataError: the file is not a list of distinct names.
    """
    path = os.path.join(uri, labels.FILE)
    return labels.from_json(read_back.text(path, "label map"), path, read_back.STEP_AGAIN)


def write_labels(uri: str, names: list[str]) -> None:
    """Writes the label map into an Examples artifact."""
    with tf.io.gfile.GFile(os.path.join(uri, labels.FILE), "w") as file:
        file.write(labels.to_json(names))
