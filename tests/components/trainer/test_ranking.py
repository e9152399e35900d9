"""Which epoch is the best."""

import math

import numpy as np
import pytest

from components.trainer import history, ranking

METRICS = {"val_loss": [3.0, 1.0, 2.0, 2.5], "val_map50": [0.1, 0.5, 0.8, 0.8]}


@pytest.mark.parametrize(("watched", "expected"), [("loss", 1), ("score", 2)])
def test_the_best_epoch_is_that_of_what_is_watched(watched, expected):
    assert ranking.best(METRICS, "map50", watched) == expected
    found = history.History({"head": METRICS}, score="map50", watched=watched)
    assert found.best_score("head") == METRICS["val_map50"][expected]
    assert found.best_loss("head") == METRICS["val_loss"][expected]


@pytest.mark.parametrize("loss", [math.nan, math.inf, None])
def test_a_loss_that_is_no_number_is_worse_than_any(loss):
    assert ranking.best({"val_loss": [loss, 9.0]}, "map50", "loss") == 1
    assert ranking.rank(loss, 0.5, "score") < ranking.rank(9.0, 0.5, "score")
    assert ranking.rank(loss, 0.6, "score") > ranking.rank(9.0, 0.5, "score")


def test_of_equal_epochs_the_first_is_the_best_and_no_epoch_has_none():
    assert ranking.best({"val_loss": [2.0, 2.0]}, "map50", "loss") == 0
    assert ranking.best({}, "map50", "score") is None
    with pytest.raises(ValueError, match="phase head has no epoch"):
        history.History({"head": {}}).best_score()


def test_a_history_without_what_is_watched_goes_by_its_loss():
    told = history.History({"head": METRICS}, score="map50").to_json()
    assert history.History.from_json(told.replace(',\n "watched": "loss"', "")).watched == "loss"


def test_a_loss_within_the_noise_of_paired_differences_is_as_good():
    generator = np.random.default_rng(0)
    least = generator.exponential(size=200)
    noise = generator.normal(size=200)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    for mean, expected in [(-0.1, True), (0.9, True), (1.1, False)]:
        more = noise + mean / np.sqrt(200)
        assert ranking.is_within_noise(least + more, least) is expected
    # The images' own spread does not matter, as they are the same.
    assert not ranking.is_within_noise(least + 0.01, least)
    assert not ranking.is_within_noise(np.where(noise > 2, np.nan, least), least)
    assert not ranking.is_within_noise(np.ones(1), np.ones(1))
    assert not ranking.is_within_noise(np.zeros(0), np.zeros(0))


def test_the_epoch_that_was_kept_is_told_where_it_is_not_the_best():
    found = history.History({"head": METRICS}, score="map50", epochs={"head": 3})
    assert (found.best_epoch("head"), found.best_loss("head")) == (3, 2.5)
    read = history.History.from_json(found.to_json())
    assert read.best_epoch("head") == 3
    read.epochs["head"] = 9  # a file may say anything
    assert read.best_epoch("head") == 1
