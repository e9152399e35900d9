"""A month by a simulated clock with real folders, real decisions and real runs."""

import json

import pytest

from benchmarks import month
from pipeline.scheduled import decision

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]


def test_a_month(tmp_path):
    simulated = month.Month(tmp_path, new_images=130)
    days = list(simulated.days())
    sequence = [(row["decision"], row["code"], row["served"]) for row in days]
    expected = {
        1: ("first", 0, 1),
        2: ("nothing_new", 0, 1),
        4: ("too_few", 0, 1),  # 120 images
        7: ("new_images", 0, 2),  # 360 since the last run; the window takes two spans
        8: ("nothing_new", 0, 2),
        10: ("unusable", 0, 2),  # a corrupted span
        13: ("too_few", 0, 2),  # the next is whole: 120 can be read
        16: ("drift", 3, 2),  # noise: trained on, refused, not served
        17: ("nothing_new", 0, 2),
        19: ("too_few", 0, 2),
        22: ("new_class", 0, 3),
        23: ("nothing_new", 0, 3),
        25: ("too_few", 0, 3),
    }
    starts = sorted(expected)
    wanted = []
    for day in range(1, month.DAYS + 1):
        wanted.append(expected[max(start for start in starts if start <= day)])
    assert sequence == wanted, "\n".join(simulated.lines)
    assert sum(row[0] in decision.RUNS for row in sequence) == 4

    lines = "\n".join(simulated.lines)
    assert "span 7 has no _SUCCESS yet" in lines
    assert "120 new images in span 10, of which none can be read." in lines
    assert "Refused" in lines
    notified = [json.loads(line) for line in simulated.notified_file.read_text().splitlines()]
    assert [row["event"] for row in notified] == [
        "release",
        "release",
        "failure",
        "refusal",
        "release",
    ]
    versions = [int(row["version"]) for row in notified if row["event"] == "release"]
    assert versions == simulated.versions

    # The candidate of day 22 was compared with the served model on a fixed set and the newest.
    reasons = "\n".join(notified[-1]["reasons"])
    assert "Accuracy on span 1, the oldest, " in reasons
    assert "Accuracy on span 22, the newest, " in reasons
