import dataclasses

import numpy as np
import pytest

from tasks.classification.figures import reliability
from tests.tasks.classification import made


def naive_error(found, count) -> float:
    """Equation 3 of Guo et al., image by image."""
    members = [[] for _ in range(count)]
    rows = zip(found.probabilities.astype(float), found.label_ids, found.valid, strict=True)
    for row, label_id, valid in rows:
        if valid:
            place = next(m for m in range(count) if row.max() <= (m + 1) / count or m == count - 1)
            members[place].append((row.max(), row.argmax() == label_id))
    total = sum(map(len, members))
    return sum(
        len(bin_of) / total * abs(np.mean([c for c, _ in bin_of]) - np.mean([r for _, r in bin_of]))
        for bin_of in members
        if bin_of
    )


@pytest.mark.parametrize("count", [1, 7, 15])
@pytest.mark.parametrize("classes", [1, 2, 5])
def test_the_error_is_that_of_a_naive_loop(classes, count):
    found = made.drawn(300, classes, seed=classes)
    found = dataclasses.replace(found, valid=np.arange(300) % 7 > 0)
    assert reliability.expected_calibration_error(found, count) == pytest.approx(
        naive_error(found, count), abs=1e-7
    )


def test_a_perfectly_calibrated_model_has_hardly_any_error():
    assert reliability.expected_calibration_error(made.drawn(20_000, 4, seed=0)) < 0.015


def test_an_overconfident_model_has_its_overconfidence_as_error():
    found = made.predicted([[0.9, 0.1]] * 10, [0] * 6 + [1] * 4)
    assert reliability.expected_calibration_error(found) == pytest.approx(0.3, abs=1e-6)


def test_bins_cover_everything_once():
    found = made.predicted([[0.5, 0.5], [0.8, 0.2], [1.0, 0.0], [0, 0]], [0, 1, 0, 0], [1, 1, 1, 0])
    bins = reliability.bins(found, 10)
    assert [(round(one.low, 6), round(one.high, 6)) for one in bins[:2]] == [(0, 0.1), (0.1, 0.2)]
    filled = {index: one for index, one in enumerate(bins) if one.count}
    # A float32 0.8 is a little above 0.8.
    assert {index: (one.accuracy, one.count) for index, one in filled.items()} == {
        4: (1.0, 1),
        8: (0.0, 1),
        9: (1.0, 1),
    }
    assert all(one.confidence is None and one.accuracy is None for one in bins if not one.count)


def test_without_images_the_error_is_undefined():
    empty = made.predicted(np.zeros([0, 3]), [])
    unreadable = made.predicted([[0.0, 0.0]], [0], valid=[False])
    for found in (empty, unreadable):
        assert reliability.expected_calibration_error(found) is None
        assert sum(one.count for one in reliability.bins(found)) == 0
