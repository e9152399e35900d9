import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tasks.statistics import paired


def pairs_of(count: int, lost: int, gained: int) -> paired.Pairs:
    return paired.Pairs(count, lost, lost, gained)


@st.composite
def counts(draw: st.DrawFn) -> paired.Pairs:
    lost = draw(st.integers(0, 60))
    gained = draw(st.integers(0, 60))
    same = draw(st.integers(0 if lost + gained else 1, 500))
    return pairs_of(lost + gained + same, lost, gained)


def test_counts_are_taken_image_by_image():
    served = np.array([True, True, True, False, False])
    candidate = np.array([True, False, False, True, False])
    pairs = paired.Pairs.of(served, candidate)
    assert pairs == paired.Pairs(count=5, served_right=3, lost=2, gained=1)
    assert (pairs.served_rate, pairs.candidate_rate, pairs.difference) == (0.6, 0.4, -0.2)


# Fagerland, Lydersen & Laake (2014), Statistics in Medicine 33, 2850–2875: airway
# hyper-responsiveness and complete response, Tango's interval and McNemar's exact test, two-sided.
@pytest.mark.parametrize(
    ("count", "lost", "gained", "bounds", "two_sided"),
    [(21, 7, 1, (-0.517, -0.026), 0.0703), (161, 16, 6, (-0.1240, -0.0054), 0.052479)],
)
def test_published_examples(count, lost, gained, bounds, two_sided):
    pairs = pairs_of(count, lost, gained)
    np.testing.assert_allclose(paired.score_bounds(pairs, 0.975), bounds, atol=5e-4)
    assert 2 * paired.loss_p_value(pairs) == pytest.approx(two_sided, abs=5e-5)


def test_the_p_value_is_the_exact_binomial_one():
    for lost, gained in itertools.product(range(12), range(12)):
        if lost + gained:
            exact = stats.binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue
            assert paired.loss_p_value(pairs_of(30, lost, gained)) == pytest.approx(exact)
    assert paired.loss_p_value(pairs_of(30, 0, 0)) == 1


def test_bounds_of_models_that_never_differ_are_not_zero():
    z = stats.norm.ppf(0.95)
    lower, upper = paired.score_bounds(pairs_of(44, 0, 0), 0.95)
    assert (lower, upper) == pytest.approx((-(z**2) / (44 + z**2), z**2 / (44 + z**2)))


@given(counts(), st.floats(0.6, 0.999))
def test_swapped_models_have_the_bounds_with_the_other_sign(pairs, confidence):
    lower, upper = paired.score_bounds(pairs, confidence)
    swapped = pairs_of(pairs.count, pairs.gained, pairs.lost)
    assert paired.score_bounds(swapped, confidence) == pytest.approx((-upper, -lower))
    assert swapped.difference == -pairs.difference
    assert -1 <= lower <= pairs.difference <= upper <= 1


@pytest.mark.parametrize(("lose", "gain"), [(0.05, 0.05), (0.1, 0.05), (0.02, 0.01), (0.3, 0.2)])
def test_the_lower_bound_holds_its_level(lose, gain):
    """By all tables of 60 images, each with its probability."""
    count, missed = 60, 0.0
    for lost in range(count + 1):
        for gained in range(count + 1 - lost):
            table = [lost, gained, count - lost - gained]
            chance = stats.multinomial.pmf(table, count, [lose, gain, 1 - lose - gain])
            if chance > 1e-9:
                lower, _ = paired.score_bounds(pairs_of(count, lost, gained), 0.95)
                missed += chance * (lower > gain - lose)
    assert missed < 0.065


def test_the_bootstrap_of_counts_is_that_of_images():
    random = np.random.default_rng(1)
    served, candidate = random.random([2, 80]) < [[0.8], [0.75]]
    rows = random.integers(0, 80, [4000, 80])
    naive = candidate[rows].mean(1) - served[rows].mean(1)
    drawn = paired.bootstrap_differences(paired.Pairs.of(served, candidate), 4000)
    quantiles = (0.05, 0.25, 0.5, 0.75, 0.95)
    np.testing.assert_allclose(
        np.quantile(drawn, quantiles), np.quantile(naive, quantiles), atol=0.0126
    )


def test_holm_by_hand():
    assert paired.adjusted([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert paired.adjusted([0.9, 0.8]) == [1, 1]


@pytest.mark.parametrize("table", [(60, 3, 3), (40, 0, 0), (144, 8, 6)])
def test_so_many_images_as_are_said_to_be_needed_do_decide(table):
    def decided(pairs: paired.Pairs) -> bool:
        return paired.score_bounds(pairs, 0.95)[0] > -0.05

    pairs = pairs_of(*table)
    needed = paired.images_needed(pairs, decided)
    assert not decided(pairs)
    assert decided(pairs.times(needed / pairs.count))
    assert not decided(pairs.times(0.8 * needed / pairs.count))


def test_no_number_of_images_shows_that_half_a_margin_more_is_lost():
    lower = dataclasses.replace(pairs_of(100, 10, 3))
    assert (
        paired.images_needed(lower, lambda one: paired.score_bounds(one, 0.95)[0] > -0.05) is None
    )
