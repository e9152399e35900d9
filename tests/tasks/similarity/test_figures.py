import numpy as np
import pytest

from tasks import collecting, evaluate_config
from tasks.retrieval import ranks
from tasks.similarity import figures
from tasks.similarity.figures.metrics import recalls
from tasks.statistics import intervals
from tests.tasks.similarity import made_predictions

RANKED = [[0, 1, 1, 0, 1, 2], [1, 1, 0, 0, 2, 1], [-1] * 6, [2, 0, 0, 1, 1, 1], [2, 1, 1, 1, 0, 0]]
LABEL_IDS = [0, 1, 2, 0, 2]
CONFIG = evaluate_config.EvaluateConfig()


def tallied(parts=1, held_out=("b", "c")):
    found = made_predictions.predictions(RANKED, LABEL_IDS, held_out=held_out)
    tallies = [recalls.Recalls(CONFIG) for _ in range(parts)]
    for place in range(len(LABEL_IDS)):
        tallies[place % parts].add(found.targets[[place]], found.answers[[place]])
    for other in tallies[1:]:
        tallies[0].merge(other)
    return tallies[0].values()


def test_the_values_by_hand():
    values = tallied()
    assert values["recall_at_1"] == pytest.approx(3 / 5)
    assert values["recall_at_5"] == values["recall_at_10"] == pytest.approx(4 / 5)
    # AP@R: 1/2 of two, 2/3 of three, nothing, (1/2) / 2, 1 of one.
    assert values["map_at_r"] == pytest.approx((1 / 2 + 2 / 3 + 0 + 1 / 4 + 1) / 5)
    assert values["median_rank"] == 1
    assert values["held_out_recall_at_1"] == pytest.approx(2 / 3)
    assert values["held_out_map_at_r"] == pytest.approx((2 / 3 + 0 + 1) / 3)
    np.testing.assert_allclose(values["recall"], [1 / 2, 1, 1 / 2])


def test_the_order_and_number_of_machines_do_not_matter():
    one, several = tallied(), tallied(parts=3)
    for name, value in one.items():
        np.testing.assert_allclose(value, several[name], err_msg=name)


def test_without_images_and_without_held_out_classes_figures_are_undefined():
    values = recalls.Recalls(CONFIG).values()
    assert all(np.isnan(values[name]) for name in ("recall_at_1", "map_at_r", "median_rank"))
    assert np.isnan(tallied(held_out=())["held_out_recall_at_1"])


def test_a_median_rank_beyond_what_is_ranked_is_infinite():
    tally = recalls.Recalls(CONFIG)
    tally.add(
        np.zeros(3, int), np.array([[0, 0, 1, 0, 1, 0], [0, 0, 1, 0, 1, 0], [4, 0, 1, 0, 1, 0]])
    )
    assert tally.values()["median_rank"] == np.inf


def test_the_result_has_every_metric_with_an_interval():
    values = tallied()
    measured = collecting.Measured(np.zeros((3, 4)), len(LABEL_IDS), values)
    found = figures.FIGURES.collect(made_predictions.LABELS, CONFIG, measured, [])
    assert set(found.figures) == {one.name for one in figures.FIGURES.of_whole}
    for name in ("recall_at_1", "recall_at_5", "map_at_r", "held_out_recall_at_1"):
        figure = found.figures[name]
        assert figure.interval.low <= figure.value <= figure.interval.high, name
    assert found.figures["recall_at_1"].interval == intervals.wilson(3, 5, 0.95)
    assert found.per_class["a"].support == 2
    assert found.per_class["a"].figures["recall"].interval == intervals.wilson(1, 2, 0.95)
    assert figures.FIGURES.answer(np.ones(ranks.COLUMNS)).shape == (ranks.COLUMNS,)


def test_the_bootstrap_of_a_mean_covers_it_as_often_as_it_says():
    generator, hits = np.random.default_rng(0), 0
    for _ in range(300):
        sample = generator.beta(2, 3, 60)
        low, high = intervals.mean(sample, 0.9, samples=400)
        hits += low <= 0.4 <= high
    assert 0.84 <= hits / 300 <= 0.95
    assert intervals.mean(np.zeros(0), 0.95) is None
    assert intervals.mean(np.array([0.5, 0.5]), 0.95) == (0.5, 0.5)


def test_the_interval_of_a_median_covers_it_at_least_as_often_as_it_says():
    generator, hits = np.random.default_rng(0), 0
    for _ in range(400):
        low, high = intervals.median(generator.geometric(0.3, 41), 0.9)
        hits += low <= 2 <= high  # the median of this distribution
    assert hits / 400 >= 0.9
    assert intervals.median(np.arange(3.0), 0.95) is None
    assert intervals.median(np.zeros(0), 0.95) is None
    assert intervals.median(np.arange(1.0, 10), 0.95) == (2, 8)
