import pickle

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from tasks.classification.figures.metrics import ranking


def sample(count: int, classes: int, confidence: float, seed: int = 0):
    """Label ids [N] and softmax scores [N, K]; the larger the confidence, the nearer to 0 and 1."""
    generator = np.random.default_rng(seed)
    label_ids = generator.integers(0, classes, count)
    logits = generator.normal(0, 1, (count, classes))
    logits[np.arange(count), label_ids] += 1.5
    scores = np.exp(confidence * (logits - logits.max(1, keepdims=True)))
    return label_ids, (scores / scores.sum(1, keepdims=True)).astype(np.float32)


def expected(label_ids, scores) -> list[list[float]]:
    classes = range(scores.shape[1])
    return [
        [score(label_ids == k, scores[:, k]) for k in classes]
        for score in (sklearn_metrics.roc_auc_score, sklearn_metrics.average_precision_score)
    ]


@pytest.mark.parametrize("count", [20, 3000])
@pytest.mark.parametrize("confidence", [0.3, 1, 8])
def test_kept_scores_have_scikit_learns_areas(count, confidence):
    label_ids, scores = sample(count, 4, confidence)
    gathered = ranking.Ranking(top_k=2)
    gathered.add(label_ids, scores)
    np.testing.assert_allclose(gathered.areas(), expected(label_ids, scores), rtol=1e-6)
    assert gathered.top_k_accuracy() == pytest.approx(
        sklearn_metrics.top_k_accuracy_score(label_ids, scores, k=2)
    )


@pytest.mark.parametrize("confidence", [0.3, 1, 8])
def test_counted_scores_come_near(confidence):
    label_ids, scores = sample(3000, 4, confidence)
    gathered = ranking.Ranking(top_k=2, exact_scores=5000)
    for start in range(0, 3000, 500):
        part = ranking.Ranking(top_k=2, exact_scores=1500)
        part.add(label_ids[start : start + 500], scores[start : start + 500])
        gathered.merge(pickle.loads(pickle.dumps(part)))  # noqa: S301
    roc, precision_recall = gathered.areas()
    np.testing.assert_allclose(roc, expected(label_ids, scores)[0], atol=2e-4)
    np.testing.assert_allclose(precision_recall, expected(label_ids, scores)[1], atol=5e-3)


def test_kept_and_counted_pieces_merge():
    label_ids, scores = sample(400, 3, 1)
    for limits in [(10, 10_000), (10_000, 10), (10_000, 10_000)]:
        gathered = ranking.Ranking(1, exact_scores=10_000)
        for half, limit in zip((slice(0, 250), slice(250, 400)), limits, strict=True):
            part = ranking.Ranking(1, exact_scores=limit)
            part.add(label_ids[half], scores[half])
            gathered.merge(part)
        np.testing.assert_allclose(gathered.areas(), expected(label_ids, scores), atol=3e-3)


def test_a_class_without_positives_or_negatives_has_no_areas():
    gathered = ranking.Ranking(1)
    gathered.add(np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert np.isnan(gathered.areas()).all()
    empty = ranking.Ranking(1)
    assert np.size(empty.areas()) == 0
    assert np.isnan(empty.top_k_accuracy())


def test_top_1_is_the_most_probable_class_and_nothing_is_hit_by_nothing():
    scores = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 0], [1, 0, 0], [np.nan] * 3])
    label_ids = np.array([0, 1, 0, 2, 0])
    assert ranking.hits(label_ids[:4], scores[:4], 1).tolist() == [True, False, False, False]
    assert ranking.hits(label_ids[:4], scores[:4], 3).tolist() == [True, True, False, True]
    gathered = ranking.Ranking(3)
    gathered.add(label_ids, scores)
    assert gathered.top_k_accuracy() == pytest.approx(3 / 5)


def test_an_unknown_class_is_never_hit():
    assert ranking.hits(np.array([7]), np.array([[0.5, 0.5]]), 2).tolist() == [False]
