import datetime
import json

import pytest

from pipeline.scheduled import confidence

NOON = datetime.datetime(2031, 5, 3, 12, tzinfo=datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


def test_the_mean_of_a_stretch_of_time(tmp_path):
    path = tmp_path / "scores.jsonl"
    rows = [
        {"time": "2031-05-01T12:00:00Z", "score": 0.1},  # before
        {"time": "2031-05-03T11:00:00Z", "score": 0.5},
        {"time": "2031-05-03T13:30:00+02:00", "score": 0.7},
        {"time": NOON.timestamp() - 60, "score": 0.9, "label": "cat"},
        {"time": "2031-05-03T12:00:01", "score": 0.1},  # after
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    found = confidence.read(path, NOON - DAY, NOON)
    assert found == confidence.Scores(pytest.approx(0.7), 3)


def test_lines_that_are_none_are_passed_over(tmp_path):
    path = tmp_path / "scores.jsonl"
    lines = ['{"time": "2031-05-03T11:00:00Z", "score": 0.5}', "{", "[]", '{"time": 1}', '"x"']
    lines += ['{"time": "soon", "score": 0.5}', '{"time": "2031-05-03T11:00:00Z", "score": 7}']
    lines += ['{"time": 1e99, "score": 0.5}', '{"time": "2031-05-03T11:00:00Z", "score": NaN}']
    path.write_bytes("\n".join(lines).encode() + b"\n\xff\xfe")
    assert confidence.read(path, NOON - DAY, NOON) == confidence.Scores(0.5, 1)


def test_only_the_end_of_a_large_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(confidence, "MAX_BYTES", 120)
    path = tmp_path / "scores.jsonl"
    row = {"time": "2031-05-03T11:00:00Z", "score": 0.5}
    path.write_text("\n".join(json.dumps(row) for _ in range(50)))
    assert confidence.read(path, NOON - DAY, NOON).count == 2


def test_no_file(tmp_path):
    assert confidence.read(tmp_path / "none", NOON - DAY, NOON) is None
