import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from tasks import evaluate_config
from tasks.multilabel.figures import FIGURES
from tasks.multilabel.figures.metrics import precision
from tests.tasks.multilabel.answered import Sample

CONFIG = evaluate_config.EvaluateConfig()
KNOWN = slice(0, 3)  # the last label is on no image


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample()


def tallied(sample: Sample, parts: int = 1) -> dict:
    """The values of all tallies, each of several parts that are merged."""
    found = sample.predictions()
    places = np.array_split(np.arange(len(found.paths)), parts)
    values = {}
    for measurement in FIGURES.measurements:
        tally = measurement.tally(CONFIG)
        for own in places:
            part = measurement.tally(CONFIG)
            part.add(found.targets[own], found.answers[own])
            tally.merge(part)
        values |= tally.values()
    return values


def test_every_metric_equals_scikit_learn(sample):
    values = tallied(sample)
    truths, given = sample.truths, sample.given
    assert values["subset_accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(truths, given))
    assert values["hamming_loss"] == pytest.approx(sklearn_metrics.hamming_loss(truths, given))
    assert values["micro_f1"] == pytest.approx(
        sklearn_metrics.f1_score(truths, given, average="micro")
    )
    known = truths[:, KNOWN], given[:, KNOWN]
    assert values["macro_f1"] == pytest.approx(sklearn_metrics.f1_score(*known, average="macro"))
    for name, expected in zip(
        ("precision", "recall", "f1"),
        sklearn_metrics.precision_recall_fscore_support(*known)[:3],
        strict=True,
    ):
        np.testing.assert_allclose(values[name][KNOWN], expected)
    of_labels = [
        sklearn_metrics.average_precision_score(truths[:, label], sample.scores[:, label])
        for label in range(3)
    ]
    np.testing.assert_allclose(values["ap"][KNOWN], of_labels)
    assert values["map"] == pytest.approx(np.mean(of_labels))
    assert all(0.2 < value < 0.99 for value in (*of_labels, values["micro_f1"]))


def test_a_label_on_no_image_has_no_value_and_lowers_no_mean(sample):
    values = tallied(sample)
    assert np.isnan([values[name][3] for name in ("recall", "f1", "ap")]).all()
    assert values["precision"][3] == 0  # given to some images


def test_parts_can_be_merged_in_any_number(sample):
    whole, parts = tallied(sample), tallied(sample, 7)
    for name, value in whole.items():
        np.testing.assert_allclose(value, parts[name], err_msg=name)


def test_an_image_without_an_answer_counts_as_one_without_labels(sample):
    values = tallied(sample)
    # The three unreadable ones: right where they have no label.
    readable = (sample.truths == sample.given)[3:].all(1).sum()
    unlabelled = (~sample.truths[:3].any(1)).sum()
    assert values["subset_accuracy"] == pytest.approx((readable + unlabelled) / 300)


def test_without_images_nothing_is_defined():
    for measurement in FIGURES.measurements:
        tally = measurement.tally(CONFIG)
        values = tally.values()
        for one in measurement.metrics:
            assert np.isnan(values[one.name]).all(), one.name


def test_a_label_that_every_image_has_is_ranked_perfectly():
    tally = precision.AveragePrecision()
    tally.add(np.ones([4, 1]), np.full([4, 2, 1], 0.3))
    assert tally.values()["ap"].tolist() == [1.0]


def test_the_interval_of_average_precision_is_the_logit_one():
    low, high = precision.interval(0.8, 50, 0.95)
    centre, width = np.log(4), 1.959964 / np.sqrt(50 * 0.16)
    expected = [1 / (1 + np.exp(-(centre + sign * width))) for sign in (-1, 1)]
    assert [low, high] == pytest.approx(expected, abs=1e-6)
    assert precision.interval(0.8, 0, 0.95) is None
    perfect = precision.interval(1.0, 20, 0.95)
    assert 0.8 < perfect.low < perfect.high == pytest.approx(1.0)


def test_the_interval_of_average_precision_covers_the_truth():
    """Of many samples of one model, about as many as the confidence says."""
    whole = Sample(seed=99)
    population = np.random.default_rng(1)
    truths, scores = whole.truths[3:, 0], whole.scores[3:, 0]
    truth = sklearn_metrics.average_precision_score(truths, scores)
    covered = 0
    for _ in range(200):
        own = population.integers(0, len(truths), 150)
        value = sklearn_metrics.average_precision_score(truths[own], scores[own])
        low, high = precision.interval(value, int(truths[own].sum()), 0.95)
        covered += low <= truth <= high
    assert covered >= 180


def test_metrics_of_one_setting_have_the_same_limits():
    """They share it with other tasks."""
    from tasks import task

    known = {}
    for name in task.names():
        for one in task.load(name).figures.every:
            about = (one.most, one.higher_is_better, one.by_class, one.title)
            assert known.setdefault(one.setting, about) == about, one.setting
