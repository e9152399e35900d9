"""Reads the served model's confidence in production from a file that its clients write.

One JSON object a line, in the order of time: ``{"time": "2031-05-03T12:00:00Z", "score": 0.93}``,
time in ISO 8601 or in seconds since 1970, score the ``score`` of an answer of the model. Invalid
lines are skipped, and their number is logged.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.files import read_lines

MAX_BYTES = 16 << 20  # at the end of the file; about 300,000 answers


@dataclass(frozen=True)
class Scores:
    """The scores of a period.

    Attributes:
      mean: in 0–1.
      count: the number of scores.
    """

    mean: float
    count: int


def read(path: Path, since: datetime.datetime, until: datetime.datetime) -> Scores | None:
    """Returns the scores between two times; None if there are none, or no such file.

    Args:
      path: the file; of a very large one only the last 16 MiB are read.
      since: the first time, with time zone.
      until: the last time, with time zone.
    """
    total, count = 0.0, 0
    # A growing file may end in an incomplete line; invalid lines are counted in the log.
    for time, score in read_lines.lines(path, "file of scores", _row, MAX_BYTES):
        if since <= time <= until:
            total += score
            count += 1
    return Scores(total / count, count) if count else None


def _row(found: Any) -> tuple[datetime.datetime, float]:
    time, score = _time(found["time"]), float(found["score"])
    if not 0 <= score <= 1:
        raise ValueError("no score")
    return time, score


def _time(value: str | float) -> datetime.datetime:
    if isinstance(value, str):
        # Python 3.10 does not parse the Z of ISO 8601.
        time = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)
    return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
