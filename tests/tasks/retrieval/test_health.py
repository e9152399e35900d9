"""Planted faults of a gallery: each is found, and a sound gallery has none."""

import numpy as np
import pytest

from tasks.retrieval import health, transform


def vectors(count: int, size: int = 32, seed: int = 0) -> np.ndarray:
    return transform.unit(np.random.default_rng(seed).standard_normal([count, size]))


def names(count: int) -> list[str]:
    return [f"{number}.jpg" for number in range(count)]


def test_a_sound_gallery_has_none_of_the_faults():
    found = health.measure(vectors(400), names(400))
    assert (found.bad, found.copies, found.copied) == (0, [], 0)
    assert abs(found.mean_cosine) < 0.05 and found.hub_share < 0.2 and found.compared == 400


def test_zeros_and_no_numbers_are_counted_and_left_out():
    planted = vectors(50)
    planted[3] = 0
    planted[7, 0] = np.nan
    planted[9, 1] = np.inf
    found = health.measure(planted, names(50))
    assert found.bad == 3 and found.compared == 47 and np.isfinite(found.mean_cosine)
    assert health.is_good(planted).sum() == 47


def test_collapse_shows_in_the_mean_cosine():
    planted = transform.unit(np.ones([60, 32]) + 0.02 * vectors(60))
    assert health.measure(planted, names(60)).mean_cosine > 0.99
    pairs = planted @ planted.T
    by_hand = (pairs.sum() - 60) / (60 * 59)
    assert health.mean_cosine(planted) == pytest.approx(by_hand, abs=1e-5)


def test_a_hub_is_named_with_its_share():
    spread = np.eye(200, dtype=np.float32)  # all equally far from each other
    middle = transform.unit(spread.sum(axis=0, keepdims=True))
    found = health.measure(np.concatenate([middle, spread]), ["hub.jpg", *names(200)])
    assert found.hub == "hub.jpg" and found.hub_share > 0.9


def test_copies_are_grouped_largest_group_first():
    base = vectors(30)
    planted = np.concatenate([base, base[4:5], base[4:5], base[9:10]])
    found = health.measure(planted, names(33))
    assert found.copies == [["4.jpg", "30.jpg", "31.jpg"], ["9.jpg", "32.jpg"]]
    assert found.copied == 5


def test_a_single_image_has_nothing_to_be_compared_with():
    found = health.measure(vectors(1), names(1))
    assert (found.mean_cosine, found.hub_share, found.compared) == (None, None, 1)
    assert health.measure(vectors(0), []).bad == 0
