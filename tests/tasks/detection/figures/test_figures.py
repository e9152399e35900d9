"""The figures of detection: through records, in any order, with every class."""

import numpy as np
import pytest

from tasks import collecting, evaluate_config
from tasks.boxes import measures, rows
from tasks.detection.figures import FIGURES
from tests.tasks.boxes import made
from tests.tasks.detection import made_predictions

CONFIG = evaluate_config.EvaluateConfig()
THRESHOLD = 0.5


def measured(found, order=None, parts=1):
    (measurement,) = FIGURES.measurements
    order = np.arange(len(found.paths)) if order is None else order
    tallies = []
    for part in np.array_split(order, parts):
        tally = measurement.tally(CONFIG)
        for place in part:
            # As an evaluation record has them.
            target = FIGURES.target(np.float32(rows.packed(found.targets[place])))
            answer = FIGURES.answer(np.float32(rows.packed(found.answers[place])))
            tally.add(np.stack([target]), np.stack([answer]))
        tallies.append(tally)
    for other in tallies[1:]:
        tallies[0].merge(other)
    return tallies[0].values()


def test_values_are_those_of_the_whole_set():
    pairs = made.images(20, difficult=0.1, digits=6)
    found = made_predictions.predictions(pairs)
    values = measured(found)
    expected = measures.measure(pairs, np.full(4, THRESHOLD))
    assert values["map50"] == pytest.approx(expected.map50, abs=1e-4)
    assert values["map"] == pytest.approx(expected.map, abs=1e-4)
    assert values["map_small"] == pytest.approx(expected.by_area["small"], abs=1e-3)
    np.testing.assert_allclose(
        values["recall"], [one.recall for one in expected.classes], atol=1e-9
    )
    np.testing.assert_allclose(
        values["precision"], [one.precision for one in expected.classes], atol=1e-9
    )
    assert set(values) == {name for one in FIGURES.measurements for name in one.names}


def test_order_and_parts_do_not_matter():
    found = made_predictions.predictions(made.images(15))
    order = np.random.default_rng(0).permutation(15)
    one, other = measured(found), measured(found, order, parts=4)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name])


def test_classes_without_object_and_detection_have_a_place():
    found = made_predictions.predictions([made.images(1)[0]], labels=("a", "b", "c", "d", "e", "f"))
    values = measured(found)
    assert len(values["ap50"]) == 6
    assert np.isnan(values["ap50"][5])


def test_the_result_tells_left_out_classes_and_kinds():
    found = made_predictions.predictions(made.images(20))
    values = measured(found)
    whole = collecting.Measured(np.zeros((4, 5)), 20, values)
    result = FIGURES.collect(found.labels, CONFIG, whole, [])
    assert result.left_out == ["d"]
    assert result.per_class["d"].value("ap50") is None
    assert result.per_class["a"].support == found.support[0]
    low, high = result.figures["map50"].interval
    assert 0 <= low < high <= 1
    assert sum(result.kinds["right"]) + sum(result.kinds["missed"]) == found.support.sum()
    assert type(result).from_json(result.to_json()) == result


def test_no_image_at_all():
    (measurement,) = FIGURES.measurements
    values = measurement.tally(CONFIG).values()
    assert np.isnan(values["map50"])
    assert len(values["ap50"]) == 0
