import numpy as np
import pytest

from tasks import collecting, evaluate_config
from tasks.segmentation import figures
from tasks.segmentation.figures import pixels, rows
from tasks.segmentation.panels import outcome
from tasks.statistics import groups
from tests.tasks.segmentation import made

CONFIG = evaluate_config.EvaluateConfig(bootstrap_samples=200)
(MEASUREMENT,) = figures.FIGURES.measurements


def tallied(found, parts=1):
    tallies = []
    for places in np.array_split(np.arange(len(found.paths)), parts):
        tally = MEASUREMENT.tally(CONFIG)
        tally.add(found.targets[places], found.answers[places])
        tallies.append(tally)
    for other in reversed(tallies[1:]):
        tallies[0].merge(other)
    return tallies[0].values()


def test_tallies_of_parts_add_up_to_the_whole_intervals_included():
    found = made.predictions(*made.masks(20))
    whole, merged = tallied(found), tallied(found, 4)
    for name, value in whole.items():
        np.testing.assert_allclose(merged[name], value, err_msg=name)


def test_the_metrics_are_those_of_the_summed_matrix():
    found = made.predictions(*made.masks(20))
    values, sums = tallied(found), pixels.Sums.of(found.matrices.sum(0))
    assert values["mean_iou"] == pytest.approx(float(sums.mean_iou))
    np.testing.assert_allclose(values["iou"], sums.iou)
    np.testing.assert_array_equal(values["support_images"], found.support)


def test_a_result_has_intervals_and_becomes_the_summary():
    found = made.predictions(*made.masks(20))
    measured = collecting.Measured(np.zeros([3, 4]), 20, tallied(found))
    result = figures.FIGURES.collect(made.LABELS, CONFIG, measured, [])
    low, high = result.figures["mean_iou"].interval
    assert low < result.value("mean_iou") < high
    assert np.sum(result.confusion) == sum(result.support_pixels.values()) == found.targets.sum()
    again = type(result).from_json(result.to_json())
    assert again == result
    metrics = outcome.metrics(result, found)
    assert set(metrics.per_class["sky"]) >= {"iou", "dice", "support_pixels", "support_images"}
    assert metrics.mean_iou_low == low
    assert "Test mean IoU" in outcome.sentence(metrics, 20)


def test_no_images_have_no_figures():
    empty = collecting.Measured(
        np.zeros([3, 4]),
        0,
        {name: np.zeros(0) for name in MEASUREMENT.names}
        | {one.name: np.nan for one in figures.FIGURES.of_whole},
    )
    result = figures.FIGURES.collect(made.LABELS, CONFIG, empty, [])
    assert result.value("mean_iou") is None and result.figures["mean_iou"].interval is None


@pytest.mark.parametrize("size", [1, 2, 11, 150])
def test_the_number_of_classes_follows_from_the_length_of_a_row(size):
    row = rows.packed(np.zeros([1, size, size + 1]), np.zeros([1, size, 4]))
    assert rows.class_count(row.shape[1]) == size


def test_images_of_a_group_are_drawn_together():
    """Ten copies of each of four images, as groups, have the interval of the four images."""
    four = made.predictions(*made.masks(4))
    places = np.repeat(np.arange(4), 10)
    numbers = np.array([groups.number("[0-9]+", four.paths[place]) for place in places])
    copies = rows.packed(four.matrices[places], four.outlines[places], numbers)
    alone = rows.packed(four.matrices[places], four.outlines[places])

    def interval(answers):
        tally = MEASUREMENT.tally(CONFIG)
        tally.add(np.repeat(four.targets, 10, axis=0), answers)
        low, high = tally.values()["whole_intervals"].reshape(-1, 2)[0]
        return high - low

    wide = tallied(four)["whole_intervals"].reshape(-1, 2)[0]
    assert interval(copies) == pytest.approx(wide[1] - wide[0], rel=0.3)
    assert interval(alone) < 0.6 * interval(copies)
