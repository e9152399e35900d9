import math
import re

import pytest

from components.report import charts, training
from components.trainer import history as training_history
from tasks.pages import drawing
from tests.components.report import samples


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.21, 1.73, [0, 0.5, 1, 1.5, 2]),
        (0.912, 0.956, [0.9, 0.92, 0.94, 0.96]),
        (5, 5, [2, 4, 6, 8]),
        (0, 0, [-0.5, -0.25, 0, 0.25, 0.5]),
        (1e-6, 9e-6, [0, 2.5e-6, 5e-6, 7.5e-6, 1e-5]),
    ],
)
def test_ticks_are_round_and_enclose(low, high, expected):
    assert drawing.ticks(low, high) == expected


def test_both_phases_share_an_axis_and_the_border_is_between_them():
    history = samples.training()
    chart = charts.curves("Loss", history, {"loss": "train", "val_loss": "eval"})
    train = [dot for dot in chart.dots if dot.style == "first"]
    assert len(train) == 20
    assert [dot.x for dot in train] == sorted(dot.x for dot in train)
    border = next(path for path in chart.paths if path.style == "border")
    at = float(re.match(r"M([\d.]+)", border.data).group(1))
    assert train[11].x < at < train[12].x
    assert "top blocks (kept)" in [label.text for label in chart.labels]


def test_the_kept_epoch_is_that_of_the_lowest_loss_in_the_kept_phase():
    history = samples.training()
    losses = history.phases["fine_tune"]["val_loss"]
    kept = 12 + losses.index(min(losses)) + 1
    assert training.kept_epoch(history) == kept
    chart = charts.curves("Loss", history, {"loss": "train", "val_loss": "eval"})
    ring = next(dot for dot in chart.dots if dot.style == "kept")
    held = [dot for dot in chart.dots if dot.style == "second"]
    assert (ring.x, ring.y) == (held[kept - 1].x, held[kept - 1].y)


def test_lines_break_where_a_value_is_missing():
    history = training_history.History(
        {"head": {"loss": [1.0, math.nan, 2.0, 3.0]}, "scratch": {}}, "head"
    )
    chart = charts.curves("Loss", history, {"loss": "train"})
    line = next(path for path in chart.paths if path.style == "first")
    assert line.data.count("M") == 2
    assert len(chart.dots) == 3
    assert charts.curves("Loss", history, {"other": "none"}) is None


@pytest.mark.parametrize("values", [[0.5, 0.5], [0.0, 0.0], [1.0, 1.0], [1.0, None, 0.97]])
def test_a_trend_stays_within_its_box(values):
    chart = charts.trend("Accuracy", [("run", value, True) for value in values])
    for dot in chart.dots:
        assert drawing.LEFT <= dot.x <= drawing.RIGHT
        assert drawing.TOP <= dot.y <= drawing.BOTTOM
    assert charts.trend("Accuracy", [("run", None, True)]) is None
