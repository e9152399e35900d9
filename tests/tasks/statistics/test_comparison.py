import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import release_gate as simulation
from components.release_gate import config
from tasks.statistics import comparison, paired

GOOD_TO_BAD = ("release", "inconclusive", "refuse")


def verdicts(tables: list[tuple[int, int, int]], **chosen: object) -> list[str]:
    """Of the whole and of each class, from (images, lost, gained) of each class."""
    classes = [paired.Pairs(count, lost, lost, gained) for count, lost, gained in tables]
    columns = [sum(column) for column in zip(*tables, strict=True)]
    overall = paired.Pairs(columns[0], columns[1], columns[1], columns[2])
    judged = comparison.judge(overall, classes, config.GateConfig(**chosen))
    return [one.verdict for one in judged]


@st.composite
def tables(draw: st.DrawFn) -> list[tuple[int, int, int]]:
    rows = []
    for _ in range(draw(st.integers(1, 5))):
        lost, gained, same = (draw(st.integers(0, 25)) for _ in range(3))
        rows.append((lost + gained + same + 1, lost, gained))
    return rows


METHODS = st.sampled_from(["mcnemar", "bootstrap"])


@settings(deadline=None)
@given(tables(), METHODS, st.floats(0, 0.5), st.floats(0, 0.5))
def test_a_wider_margin_never_makes_a_verdict_worse(rows, method, one, other):
    narrow, wide = sorted((one, other))
    found = [
        verdicts(
            rows,
            method=method,
            bootstrap_samples=1000,
            max_accuracy_drop=margin,
            max_recall_drop=margin,
        )
        for margin in (narrow, wide)
    ]
    for before, after in zip(*found, strict=True):
        assert GOOD_TO_BAD.index(after) <= GOOD_TO_BAD.index(before)


@settings(deadline=None)
@given(tables(), METHODS)
def test_of_two_models_one_at_most_is_refused_on_the_whole(rows, method):
    chosen = {"method": method, "bootstrap_samples": 1000}
    swapped = [(count, gained, lost) for count, lost, gained in rows]
    assert [verdicts(rows, **chosen)[0], verdicts(swapped, **chosen)[0]].count("refuse") <= 1


@pytest.mark.parametrize("method", ["mcnemar", "bootstrap"])
def test_three_verdicts_on_the_whole(method):
    same = {"method": method, "max_recall_drop": 1}
    assert verdicts([(400, 60, 10)], **same)[0] == "refuse"
    assert verdicts([(60, 6, 3)], **same)[0] == "inconclusive"
    assert verdicts([(400, 8, 8)], **same)[0] == "release"


def test_a_loss_within_the_margin_is_no_refusal_however_real():
    assert verdicts([(10_000, 500, 100)])[0] == "release"


def test_identical_answers_on_few_images_show_nothing():
    assert verdicts([(30, 0, 0)])[0] == "inconclusive"
    assert verdicts([(60, 0, 0)])[0] == "release"


def test_one_bad_class_is_found_in_a_good_whole():
    rows = [(100, 2, 2)] * 5
    assert verdicts([*rows, (100, 30, 2)])[-1] == "refuse"
    assert verdicts([*rows, (20, 5, 1)])[-1] == "inconclusive"
    assert verdicts([*rows, (20, 3, 1)])[-1] == "release"


def test_what_is_significant_alone_may_be_chance_among_many():
    loss = (20, 6, 0)  # p = 1/64
    assert verdicts([loss], max_accuracy_drop=1)[-1] == "refuse"
    assert verdicts([(20, 0, 0)] * 9 + [loss], max_accuracy_drop=1)[-1] == "inconclusive"


def test_a_small_class_is_refused_for_a_great_loss_and_for_nothing_less():
    assert verdicts([(300, 0, 0), (9, 4, 0)])[-1] == "release"
    assert verdicts([(300, 0, 0), (9, 8, 0)])[-1] == "refuse"


@pytest.mark.parametrize("method", ["mcnemar", "bootstrap"])
def test_equal_models_are_seldom_refused(method):
    """The bootstrap alone would refuse an eighth of them here; more in the benchmark."""
    chosen = config.GateConfig(
        method=method, bootstrap_samples=1000, max_accuracy_drop=0, max_recall_drop=0
    )
    half = np.linspace(0, 0.3, 20)
    found = simulation.shares(60, half, half, chosen, pairs=400, seed=3)
    assert found["refuse"] <= 0.05


def test_a_real_loss_is_mostly_refused():
    lost = np.array([0.45, 0.05, 0.05, 0.05])
    found = simulation.shares(400, lost, np.full(4, 0.05), config.GateConfig(), 200, seed=3)
    assert found["refuse"] >= 0.9
