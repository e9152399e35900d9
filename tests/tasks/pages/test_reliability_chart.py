import pytest

from tasks.pages import drawing, reliability_chart
from tasks.statistics import reliability


def test_reliability_bars_are_as_high_as_the_accuracy():
    bins = [reliability.Bin(0, 0.5, 0.4, 0.25, 4), reliability.Bin(0.5, 1, None, None, 0)]
    chart = reliability_chart.draw(bins)
    bars = [one for one in chart.rectangles if one.style == "bar"]
    height = reliability_chart.SQUARE_BOTTOM - drawing.TOP
    assert [bar.height for bar in bars] == [pytest.approx(0.25 * height, abs=0.1)]
    assert "accuracy 25.0%" in bars[0].title
    assert reliability_chart.draw([reliability.Bin(0, 1, None, None, 0)]) is None
