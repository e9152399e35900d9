"""Heads that were not fitted on the images they answer about, and what is to be labelled next."""

import numpy as np
import pytest

from pipeline.review import out_of_sample


def blobs(count: int, classes: int, features: int = 24, seed: int = 0, spread: float = 0.6):
    """Embeddings of classes that overlap a little, and their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, features))
    labels = np.arange(count) % classes
    return centres[labels] + spread * rng.normal(size=(count, features)), labels


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    return labels[:, None] == np.arange(classes)


def naive(rows: np.ndarray, targets: np.ndarray, folds: np.ndarray, strength: float) -> np.ndarray:
    """Ridge regression with an intercept, fitted anew for each fold."""
    made = np.zeros(targets.shape)
    for fold in np.unique(folds):
        held = folds == fold
        own, answers = rows[~held].astype(float), targets[~held].astype(float)
        mean, prior = own.mean(0), answers.mean(0)
        own = own - mean
        gram = own.T @ own
        level = np.trace(gram) / len(gram)
        weights = np.linalg.solve(
            gram + strength * level * np.eye(len(gram)), own.T @ (answers - prior)
        )
        made[held] = (rows[held] - mean) @ weights + prior
    return made


@pytest.mark.parametrize("features", [24, 200])
def test_folds_in_closed_form_are_those_of_a_fit_for_each(features):
    found, labels = blobs(90, 4, features)
    rows, targets = out_of_sample.unit(found), one_hot(labels, 4).astype(np.float32)
    folds = out_of_sample._folds(np.arange(90), 0)
    assert sorted(np.bincount(folds)) == [18] * 5
    scores = out_of_sample._scores(rows, targets, folds)
    for strength, ours in zip(out_of_sample.STRENGTHS, scores, strict=True):
        np.testing.assert_allclose(ours, naive(rows, targets, folds, strength), atol=2e-4)


def test_flipped_labels_come_first():
    found, labels = blobs(600, 5, seed=1)
    rng = np.random.default_rng(2)
    flipped = rng.choice(600, 48, replace=False)
    given = labels.copy()
    given[flipped] = (labels[flipped] + rng.integers(1, 5, 48)) % 5
    presence = one_hot(given, 5)
    answered = out_of_sample.answers(found, presence, np.arange(600), one=True)
    doubts, best = out_of_sample.suspicion(answered.probabilities, presence, one=True)
    first = np.argsort(-doubts)[:50]
    assert len(set(first) & set(flipped)) >= 45
    hits = [number for number in first if number in set(flipped)]
    assert np.mean(best[hits] == labels[hits]) > 0.9
    assert 0.8 < answered.agreement < 0.95
    np.testing.assert_allclose(answered.probabilities.sum(1), 1, atol=1e-5)


def test_copies_do_not_vouch_for_each_other():
    """A wrong label that a copy repeats is found only if both are in one fold."""
    found, labels = blobs(200, 4, features=200, seed=3)
    found = np.concatenate([found, found[:1]])
    given = np.append(labels, 0)
    given[0] = given[-1] = (labels[0] + 1) % 4
    presence = one_hot(given, 4)
    doubts = []
    for groups in (np.append(np.arange(200), 0), np.arange(201)):
        answered = out_of_sample.answers(found, presence, groups, one=True)
        doubts.append(out_of_sample.suspicion(answered.probabilities, presence, True)[0][0])
    assert doubts[0] > doubts[1] and doubts[0] > 0


def test_with_several_labels_the_most_doubtful_one_counts():
    presence = np.array([[1, 0, 1], [0, 0, 1]], bool)
    probabilities = np.array([[0.9, 0.2, 0.1], [0.1, 0.4, 0.9]])
    doubts, worst = out_of_sample.suspicion(probabilities, presence, one=False)
    np.testing.assert_allclose(doubts, [0.8, -0.2])
    assert worst.tolist() == [2, 1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_images_do_not_raise(count):
    found, labels = blobs(count, 2)
    answered = out_of_sample.answers(found, one_hot(labels, 2), np.arange(count), one=True)
    assert np.isfinite(answered.probabilities).all()


def test_what_is_far_from_all_classes_is_an_outlier():
    found, labels = blobs(60, 3, spread=0.1)
    found[7] = -found[7]
    far = out_of_sample.outlyingness(found, one_hot(labels, 3))
    assert far.argmax() == 7 and far[7] > 0.5
    assert far.min() >= -1e-6
