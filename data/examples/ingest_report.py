"""Report on every file of a data folder: in a split, in quarantine or unused.

:mod:`data.examples.examples_artifact` reads and writes it in an artifact.
"""

import functools
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, field
from typing import Any

import pydantic

from data.boxes import config as boxes_config
from data.boxes.given import Problem
from data.corrections import applying
from data.files import read_back, spreadsheet
from data.images import image_reading, range_choice
from data.masks import mask_report
from data.splits import split

WHAT = "report of an ingest"  # for messages
LABEL_SEPARATOR = "|"
QUARANTINE_HEADER = ("path", "class", "reason", "detail")
BAD_BOXES_HEADER = ("image", "file", "place", "fault", "detail")


@dataclass(frozen=True, order=True)
class Quarantined:
    """File that is in no split, and the reason.

    ``reason`` is a code of refusals.REASONS, or the name of the check that removed the file.
    """

    path: str
    labels: tuple[str, ...]
    reason: str
    detail: str = ""


@dataclass(frozen=True, order=True)
class BadBox:
    """Something wrong in an annotation; the image of it is used all the same.

    Attributes:
      image: the image, relative to the data folder; empty if the problem is of a whole file.
      file: the annotation file, relative to the data folder.
      place: where in it, such as "line 12".
      fault: a code of data.boxes.given.Fault.
      detail: the values.
    """

    image: str
    file: str
    place: str
    fault: str
    detail: str = ""

    @classmethod
    def of(cls, image: str, problem: Problem) -> "BadBox":
        """Makes a row of a problem."""
        return cls(image, problem.file, problem.place, problem.fault.value, problem.detail)


@dataclass
class Report:
    """Report on the files of a shard or of an ingest; reports of shards add up.

    Attributes:
      examples: split → class name → number of records with this label.
      quarantined: the files that are in no split, sorted by path.
      unused: reason → number of files not used for it, see data/layout/unused.py.
      decoded: number of decoded files; the others were known from an earlier ingest.
      reencoded: number of records whose bytes differ from their file.
      source: the data folder.
      max_duplicate_distance: setting: largest distance of near-duplicates, in bits of 256.
      duplicate_distance: the distance that was used; smaller if too many images are alike.
      reading: how the images were read.
      scaled: how images of more than 8 bits were scaled to 0–255; empty if there are none.
      masks: what was found in the masks; None where images as a whole have labels.
      further_labels: split → number of labels beyond one of each record; less than 0 where more
        records have none. A split where every record has one label is not in it.
      boxes: split → number of boxes in its records; empty where images as a whole have labels.
      bad_boxes: what is wrong in annotations of boxes, sorted.
      boxes_turned: setting: the image that boxes refer to where their file does not tell.
      corrections: what a person's decisions about labels did.
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
    masks: mask_report.MaskReport | None = None
    further_labels: dict[str, int] = field(default_factory=dict)
    boxes: dict[str, int] = field(default_factory=dict)
    bad_boxes: list[BadBox] = field(default_factory=list)
    boxes_turned: boxes_config.Turned = "upright"
    corrections: applying.Applied = field(default_factory=applying.Applied)

    @property
    def found(self) -> int:
        """Counts the files: in a split, in quarantine, or unused."""
        return sum(self.counts().values()) + len(self.quarantined) + sum(self.unused.values())

    def counts(self) -> dict[str, int]:
        """Counts the records of every split, empty ones included."""
        return {
            name: sum(self.examples.get(name, {}).values()) - self.further_labels.get(name, 0)
            for name in split.SPLITS
        }

    @property
    def is_unlabelled(self) -> bool:
        """Returns whether there are files, and none has a label."""
        has_labels = any(self.examples.values()) or any(row.labels for row in self.quarantined)
        return not has_labels and bool(self.quarantined or any(self.counts().values()))

    def reasons(self) -> list[tuple[str, int]]:
        """Counts the files in quarantine by reason, the most frequent first."""
        return Counter(row.reason for row in self.quarantined).most_common()

    def to_json(self) -> str:
        """Returns the JSON that is written into the artifact."""
        raw = {"found": self.found, **asdict(self), "reading": self.reading.to_dict()}
        return json.dumps(raw, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: the text is not a report.
        """
        return read_back.from_json(text, WHAT, cls.of, read_back.STEP_AGAIN)

    @classmethod
    def of(cls, raw: Any) -> "Report":
        """Makes a report of parsed JSON; raises as pydantic and :mod:`data.files.read_back` do."""
        reading = image_reading.Reading.from_dict(raw["reading"])
        scaled = [range_choice.Scaled.from_dict(one) for one in raw["scaled"]]
        made = {**raw, "reading": reading, "scaled": scaled}
        return _adapter().validate_python(made)

    def quarantine_csv(self) -> str:
        """Formats the quarantine list as CSV with a header."""
        rows = (
            (row.path, LABEL_SEPARATOR.join(row.labels), row.reason, row.detail)
            for row in self.quarantined
        )
        return spreadsheet.text(QUARANTINE_HEADER, rows)

    def bad_boxes_csv(self) -> str:
        """Formats what is wrong in annotations of boxes as CSV with a header."""
        rows = (astuple(row) for row in self.bad_boxes)
        return spreadsheet.text(BAD_BOXES_HEADER, rows)


@functools.cache
def _adapter() -> pydantic.TypeAdapter[Report]:
    return pydantic.TypeAdapter(Report)  # to make one costs as much as to write 60 records


def merge(reports: Iterable[Report]) -> Report:
    """Adds up reports; the order of the parts does not matter."""
    totals: dict[str, Counter[str]] = {name: Counter() for name in split.SPLITS}
    merged = Report()
    passed_over: Counter[str] = Counter()
    further: Counter[str] = Counter()
    boxes: Counter[str] = Counter()
    for report in reports:
        for name, counts in report.examples.items():
            totals[name].update(counts)
        further.update(report.further_labels)
        boxes.update(report.boxes)
        merged.bad_boxes += report.bad_boxes
        merged.quarantined += report.quarantined
        passed_over.update(report.unused)
        merged.decoded += report.decoded
        merged.reencoded += report.reencoded
        merged.source = merged.source or report.source
    merged.examples = {name: dict(sorted(counts.items())) for name, counts in totals.items()}
    merged.further_labels = {name: count for name, count in further.items() if count}
    merged.unused = dict(sorted(passed_over.items()))
    merged.boxes = dict(boxes)
    merged.bad_boxes.sort()
    merged.quarantined.sort()
    return merged
