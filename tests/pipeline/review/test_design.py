"""What to label next, compared with the same rule written out."""

import numpy as np
import pytest

from pipeline.review import design, out_of_sample


def written_out(rows, known, count) -> list[int]:
    """Greedily: the row after which the variances of all rows have the smallest sum."""
    chosen: list[int] = []
    for _ in range(count):
        sums = []
        for one in range(len(rows)):
            labelled = np.concatenate([known, rows[[*chosen, one]]])
            precision = np.eye(rows.shape[1]) + labelled.T @ labelled / design.NOISE
            covariance = np.linalg.inv(precision)
            sums.append(np.inf if one in chosen else np.trace(rows @ covariance @ rows.T))
        chosen.append(int(np.argmin(sums)))
    return chosen


@pytest.mark.parametrize(("count", "features", "labelled"), [(30, 6, 5), (8, 20, 0), (12, 3, 40)])
def test_it_lowers_the_variance_of_all_most(count, features, labelled):
    rng = np.random.default_rng(count)
    rows, known = rng.normal(size=(count, features)), rng.normal(size=(labelled, features))
    answers = rng.dirichlet(np.ones(4), count)
    found = design.choose(rows, answers, known, 7)
    unit, shown = out_of_sample.unit(rows), out_of_sample.unit(known)
    mean = np.concatenate([unit, shown]).mean(0)
    unit, shown = unit - mean, shown - mean
    scale = np.sqrt((unit**2).sum(1).mean())
    gini = 1 - (answers**2).sum(1)
    weights = np.sqrt(gini / gini.mean())
    expected = written_out(unit * weights[:, None] / scale, shown / scale, 7)
    assert found.tolist() == expected


def test_a_crowd_comes_before_what_is_alone_and_known_or_certain_images_last():
    rng = np.random.default_rng(0)
    centres = np.eye(8)[:4]
    rows = np.repeat(centres, [12, 12, 12, 1], axis=0) + 0.05 * rng.normal(size=(37, 4)) @ np.eye(
        4, 8
    )
    answers = np.tile([0.5, 0.5], (37, 1))
    answers[24:36] = [0.999, 0.001]  # the third crowd is certain
    known = centres[:1] + 0.05 * rng.normal(size=(10, 1))  # the first is known
    first, *_, last = design.choose(rows, answers, known, 37)
    assert 12 <= first < 24
    assert 24 <= last < 36


def test_all_are_chosen_once_and_none_of_none():
    rng = np.random.default_rng(0)
    rows, answers = rng.normal(size=(9, 4)), rng.dirichlet(np.ones(3), 9)
    assert sorted(design.choose(rows, answers, rows[:0], 99)) == list(range(9))
    assert design.choose(rows[:0], answers[:0], rows, 5).tolist() == []
    copies = np.repeat(rows[:1], 5, axis=0)
    certain = np.tile([1.0, 0.0, 0.0], (5, 1))
    assert sorted(design.choose(copies, certain, rows, 5)) == list(range(5))


def test_of_very_many_a_sample_is_looked_at(monkeypatch):
    monkeypatch.setattr(design, "MOST_CANDIDATES", 20)
    rng = np.random.default_rng(0)
    rows, answers = rng.normal(size=(200, 4)), rng.dirichlet(np.ones(3), 200)
    found = design.choose(rows, answers, rows[:3], 10)
    assert len(set(found.tolist())) == 10 and found.max() > 20
    assert found.tolist() == design.choose(rows, answers, rows[:3], 10).tolist()
    assert len(design.choose(rows, answers, rows[:3], 50)) == 50


def test_uncertainty_is_that_of_one_label_or_of_several():
    found = design.uncertainty(np.array([[0.5, 0.5], [1, 0], [1, 1], [0.5, 0.9]]))
    np.testing.assert_allclose(found, [0.5, 0, 0, 0.34])
