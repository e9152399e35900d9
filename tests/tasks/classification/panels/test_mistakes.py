import dataclasses

import numpy as np
import pytest

from tasks.classification.panels import mistakes
from tests.tasks.classification import made

FOUND = made.predicted(
    [[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0, 0.01, 0.99], [0.4, 0.3, 0.3], [0.45, 0.55, 0], [0, 0, 0]],
    [0, 0, 1, 2, 1, 1],
    valid=[True] * 5 + [False],
)


def test_worst_mistakes_come_surest_first():
    rows = mistakes.worst(FOUND)
    assert [row.path for row in rows] == ["2.jpg", "1.jpg", "3.jpg"]
    assert (rows[0].label, rows[0].predicted) == ("class 1", "class 2")
    assert rows[0].probability == pytest.approx(0.99)
    assert rows[0].label_probability == pytest.approx(0.01)
    assert mistakes.worst(FOUND, limit=1) == rows[:1]


def test_most_uncertain_come_closest_first():
    paths = [row.path for row in mistakes.most_uncertain(FOUND)]
    assert paths == ["3.jpg", "4.jpg", "1.jpg", "0.jpg", "2.jpg"]


def test_planted_label_errors_are_found():
    """A good model's answers on 600 images, 30 of which carry a wrong label."""
    generator = np.random.default_rng(0)
    true = generator.integers(0, 4, 600)
    logits = generator.normal(size=(600, 4)) + 5 * np.eye(4)[true]
    found = made.predicted(np.exp(logits) / np.exp(logits).sum(1, keepdims=True), true)
    planted = generator.choice(600, 30, replace=False)
    labels = true.copy()
    labels[planted] = (true[planted] + generator.integers(1, 4, 30)) % 4
    rows = mistakes.label_errors(dataclasses.replace(found, label_ids=labels))
    hits = {row.path for row in rows} & {f"{index}.jpg" for index in planted}
    assert len(hits) >= 27
    assert len(rows) <= 33
    assert all(row.label != row.predicted for row in rows)
    shares = [row.label_probability for row in rows]
    assert shares == sorted(shares)


def test_clean_labels_of_a_sure_model_are_no_errors():
    true = np.arange(90) % 3
    found = made.predicted(0.97 * np.eye(3)[true] + 0.01, true)
    assert mistakes.label_errors(found) == []


@pytest.mark.parametrize(
    "found",
    [
        made.predicted(np.zeros([0, 3]), []),
        made.predicted([[0.0, 0.0]], [1], valid=[False]),
        made.predicted([[1.0], [1.0]], [0, 0]),
        made.predicted([[0.2, 0.8], [0.9, 0.1]], [1, 1]),
    ],
    ids=["no images", "an unreadable one", "one class", "one class with images"],
)
def test_too_little_for_confident_learning_gives_no_rows(found):
    assert mistakes.label_errors(found) == []
    for rows in (mistakes.worst(found), mistakes.most_uncertain(found)):
        assert len(rows) <= found.valid.sum()


@pytest.mark.parametrize("seed", range(25))
def test_any_small_split_gives_rows_without_a_warning(seed):
    """Few images, classes without any, unreadable ones, probabilities of exactly 0 and 1."""
    generator = np.random.default_rng(seed)
    count, classes = generator.integers(1, 9), generator.integers(1, 7)
    probabilities = generator.dirichlet([0.05] * classes, count).round(generator.integers(0, 4))
    label_ids = generator.choice(generator.choice(classes, 2), count)
    found = made.predicted(probabilities, label_ids, generator.random(count) < 0.8)
    for find in (mistakes.worst, mistakes.most_uncertain, mistakes.label_errors):
        paths = [row.path for row in find(found)]
        assert set(paths) <= {f"{index}.jpg" for index in np.flatnonzero(found.valid)}
        assert len(set(paths)) == len(paths)


def test_an_image_of_a_class_without_images_does_not_raise():
    found = made.predicted([[0, 0, 1.0], [0.9, 0.1, 0], [0.1, 0.9, 0]], [0, 0, 1])
    assert {row.path for row in mistakes.label_errors(found)} <= {"0.jpg", "1.jpg", "2.jpg"}
