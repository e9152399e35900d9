"""How sure the served model is of what it is asked, by a file that whoever asks it writes.

One JSON object a line, in the order of time: ``{"time": "2031-05-03T12:00:00Z", "score": 0.93}``,
time in ISO 8601 or in seconds since 1970, score the ``score`` of an answer of the model. A line
that is none of that is passed over, and how many were is in the log.
"""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data import read_lines

MAX_BYTES = 16 << 20  # of the end of the file; some 300,000 answers


@dataclass(frozen=True)
class Scores:
    """The scores of a stretch of time.

    Attributes:
      mean: in 0–1.
      count: how many they are.
    """

    mean: float
    count: int


def read(path: Path, since: datetime.datetime, until: datetime.datetime) -> Scores | None:
    """Returns the scores between two moments; None where there are none, or no such file.

    Args:
      path: the file; of a very large one only the last 16 MiB are read.
      since: the first moment, with time zone.
      until: the last one, likewise.
    """
    total, count = 0.0, 0
    # A file that grows may have lost its last line; those that are none are counted in the log.
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
        # Python 3.10 does not know the Z of ISO 8601.
        time = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        return time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)
    return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
