"""The losses against loops by hand, and a projection that finds what embeddings hide."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tasks.retrieval import projection, ranks, transform

VECTORS = transform.unit(np.random.default_rng(1).standard_normal([6, 4]))
PROXIES = transform.unit(np.random.default_rng(2).standard_normal([3, 4]))
CLASSES = np.array([0, 0, 1, 1, 1, 0])


def test_proxy_anchor_is_equation_4():
    pulled, pushed = [], []
    for proxy in range(3):
        cosines = VECTORS @ PROXIES[proxy]
        own = [math.exp(-32 * (value - 0.1)) for value in cosines[proxy == CLASSES]]
        other = [math.exp(32 * (value + 0.1)) for value in cosines[proxy != CLASSES]]
        if own:
            pulled.append(math.log(1 + sum(own)))
        pushed.append(math.log(1 + sum(other)))
    expected = sum(pulled) / len(pulled) + sum(pushed) / 3
    found = projection.proxy_anchor(*map(tf.constant, (VECTORS, PROXIES, CLASSES)))
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_arcface_is_equation_3():
    expected = 0.0
    for vector, own in zip(VECTORS, CLASSES, strict=True):
        angles = np.arccos(np.clip(PROXIES @ vector, -1, 1))
        angles[own] += projection.MARGIN
        logits = projection.SCALE * np.cos(angles)
        expected += math.log(np.exp(logits).sum()) - logits[own]
    found = projection.arcface(*map(tf.constant, (VECTORS, PROXIES, CLASSES)))
    assert float(found) == pytest.approx(expected / len(VECTORS), rel=1e-4)


def hidden(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes that differ in a few weak features, beside strong ones that say nothing."""
    generator = np.random.default_rng(seed)
    label_ids = np.arange(count) % 6
    centres = np.random.default_rng(9).standard_normal([6, 6])
    telling = centres[label_ids] + 0.3 * generator.standard_normal([count, 6])
    noise = 3 * generator.standard_normal([count, 10])
    return transform.unit(np.concatenate([telling, noise], axis=1)), label_ids


@pytest.mark.parametrize("kind", ["proxy_anchor", "arcface"])
def test_a_projection_finds_more_and_is_the_same_again(kind):
    train, train_ids = hidden(240, 0)
    queries, query_ids = hidden(60, 1)

    def judge(matrix):
        parts = [transform.unit(rows @ matrix) for rows in (queries, train)]
        return ranks.recall_at_1(*parts, query_ids, train_ids)

    before = ranks.recall_at_1(queries, train, query_ids, train_ids)
    asked = (train, train_ids, kind, 8, 40, 3)
    found = projection.train(*asked, judge)
    assert found.matrix.shape == (16, 8) and found.epoch > 0
    assert found.score == judge(found.matrix) > before + 0.2
    np.testing.assert_array_equal(projection.train(*asked, judge).matrix, found.matrix)


def test_one_that_only_gets_worse_is_what_it_began_with():
    train, train_ids = hidden(60, 0)
    scores = iter([0.9, *[0.5] * 100])
    found = projection.train(train, train_ids, "arcface", 8, 1, 0, lambda _: next(scores))
    assert (found.epoch, found.score) == (0, 0.9)
    np.testing.assert_allclose(found.matrix, transform.principal(train, 8), atol=1e-6)
