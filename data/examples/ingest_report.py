"""What became of every file of a data folder: in a split, in quarantine or unused.

The files of an artifact that hold it are read and written by :mod:`data.examples.examples_artifact`.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import pydantic

from data.files import read_back, spreadsheet
from data.images import image_reading, range_choice
from data.splits import split

WHAT = "report of an ingest"  # for messages
QUARANTINE_HEADER = ("path", "class", "reason", "detail")


@dataclass(frozen=True, order=True)
class Quarantined:
    """A file that no split holds, and why.

    ``reason`` is a code of refusals.REASONS, or the name of the check that put it there.
    """

    path: str
    class_name: str
    reason: str
    detail: str = ""


@dataclass
class Report:
    """What became of the files; adds up over shards.

    Attributes:
      examples: split → class name → number of records.
      quarantined: the files that no split holds, sorted by path.
      unused: reason → how many files were passed over for it, see data/layout/unused.py.
      decoded: how many files were decoded; the others were known from an earlier ingest.
      reencoded: how many records hold other bytes than their file.
      source: the data folder.
      max_duplicate_distance: bits of 256 up to which images were to count as near copies.
      duplicate_distance: up to which they did; less where look-alikes would have.
      reading: how the images were read.
      scaled: how images of more than 8 bits became 0–255; empty where there are none.
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
        """How many files there are: in a split, in quarantine, or unused."""
        return sum(self.counts().values()) + len(self.quarantined) + sum(self.unused.values())

    def counts(self) -> dict[str, int]:
        """Split → number of records, every split named."""
        return {name: sum(self.examples.get(name, {}).values()) for name in split.SPLITS}

    def reasons(self) -> list[tuple[str, int]]:
        """Returns why files are in quarantine and how many for each reason, the most first."""
        return Counter(row.reason for row in self.quarantined).most_common()

    def to_json(self) -> str:
        """As written into the artifact."""
        raw = {"found": self.found, **asdict(self), "reading": self.reading.to_dict()}
        return json.dumps(raw, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Report":
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: it is none.
        """
        return read_back.from_json(text, WHAT, cls.of, read_back.STEP_AGAIN)

    @classmethod
    def of(cls, raw: Any) -> "Report":
        """Makes a report of parsed JSON; raises as pydantic and :mod:`data.files.read_back` do."""
        reading = image_reading.Reading.from_dict(raw["reading"])
        scaled = [range_choice.Scaled.from_dict(one) for one in raw["scaled"]]
        made = {**raw, "reading": reading, "scaled": scaled}
        return pydantic.TypeAdapter(cls).validate_python(made)

    def quarantine_csv(self) -> str:
        """The quarantine list as CSV with a header."""
        return spreadsheet.text(
            QUARANTINE_HEADER, (asdict(row).values() for row in self.quarantined)
        )


def merge(reports: Iterable[Report]) -> Report:
    """Adds reports up; the order of the parts does not matter."""
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
