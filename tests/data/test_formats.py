import math

import pytest

from data import formats


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.percent(0.94561), "94.6%"),
        (formats.percent(None), "–"),
        (formats.percent(math.nan), "–"),
        (formats.percent(None, undefined="undefined"), "undefined"),
        (formats.percent(0.95, 0), "95%"),
        (formats.heading("top-5 accuracy"), "Top-5 accuracy"),
        (formats.heading("micro F1"), "Micro F1"),
        (formats.heading("mAP"), "mAP"),
        (formats.heading("Hamming loss"), "Hamming loss"),
        (formats.tick(0.2), "20%"),
        (formats.tick(0.975), "97.5%"),
        (formats.bounds((0.881, 0.9376)), "88.1–93.8"),
        (formats.bounds(None), ""),
        (formats.points(-0.004), "−0.4"),
        (formats.points(0.0123), "+1.2"),
        (formats.points(-0.0001), "0.0"),
        (formats.size_in_points(-0.04), "4.0 points"),
        (formats.short(12400.4), "12,400"),
        (formats.short(1e-6), "1e−06"),
        (formats.plural(1, "file"), "1 file"),
        (formats.plural(12400, "class", "classes"), "12,400 classes"),
        (formats.operations(0), ""),
        (formats.operations(144), "144"),
        (formats.operations(7_371_000), "7.37M"),
        (formats.key(0.1 + 0.2), "0.30000000000000004"),
        (formats.duration(41.4), "41 s"),
        (formats.duration(245), "4:05 min"),
        (formats.duration(7391), "2:03 h"),
    ],
)
def test_numbers_read_well(text, expected):
    assert text == expected
