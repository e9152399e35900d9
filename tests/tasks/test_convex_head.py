import keras
import numpy as np
import pytest
from scipy import special
from sklearn import linear_model

from tasks import convex_head, linear_head, task
from tasks.facets.training import Embedded

FEATURES, CLASSES = 12, 3


def data(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping clouds of unequal sizes: float32 [N, F] and label ids [N]."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(CLASSES, count, p=[0.6, 0.3, 0.1])
    centres = np.random.default_rng(9).normal(size=(CLASSES, FEATURES)) * 0.8
    noise = generator.normal(size=(count, FEATURES)) * np.linspace(0.8, 3.0, FEATURES)
    return (5 + centres[labels] + noise).astype(np.float32), labels


def embedded(features: np.ndarray, targets: np.ndarray) -> Embedded:
    return Embedded(features, targets, np.ones(len(targets)))


@pytest.mark.parametrize("penalty", [0.003, 0.1])
def test_it_is_logistic_regression_as_scikit_learn_has_it(penalty):
    features, labels = data(0)
    weights = np.random.default_rng(1).uniform(0, 2, len(labels))
    loss = task.load("classification").head.loss(0.0)
    problem = convex_head.Problem(Embedded(features, labels, weights), loss, CLASSES)
    layer = problem.solve(penalty)
    spread = np.sqrt(((features - features.mean(0)) ** 2).mean())
    rows = (features - features.mean(0)) / spread
    reference = linear_model.LogisticRegression(C=1 / (penalty * weights.sum()), tol=1e-8)
    reference.fit(rows, labels, sample_weight=weights)
    found = special.softmax(layer.outputs(features), axis=1)
    np.testing.assert_allclose(found, reference.predict_proba(rows), atol=2e-3)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def test_the_penalty_is_the_best_on_held_out_images():
    (features, labels), (held, true) = data(0, 40), data(1, 100)
    labels[::4] = 2  # wrong labels, which a weak penalty learns by heart
    loss = task.load("classification").head.loss(0.1)
    problem = convex_head.Problem(embedded(features, labels), loss, CLASSES)
    best = convex_head.best(problem, held, lambda logits: cross_entropy(logits, true))
    again = convex_head.Problem(embedded(features, labels), loss, CLASSES)
    tried = [
        cross_entropy(again.solve(penalty).outputs(held), true) for penalty in convex_head.PENALTIES
    ]
    assert cross_entropy(best.outputs(held), true) == pytest.approx(min(tried), rel=1e-3)
    assert min(tried) < min(tried[0], tried[-1]) - 0.01


def model(classes: int = CLASSES) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((FEATURES,))
    return keras.Model(
        inputs, linear_head.LinearHead().build({"pooled": inputs}, classes, dropout=0.2)
    )


def solve(one: keras.Model, name: str, images: Embedded, held: Embedded) -> None:
    head = task.load(name).head
    head.solve(one, images, held, head.loss(0.1), keeps_better=True)


def test_a_classifier_starts_as_good_as_logistic_regression():
    (features, labels), (held, true) = data(0), data(1)
    one = model()
    solve(one, "classification", embedded(features, labels), embedded(held, true))
    reference = linear_model.LogisticRegression(max_iter=1000).fit(features, labels)
    found = (one(held).numpy().argmax(axis=1) == true).mean()
    assert found >= reference.score(held, true) - 0.02 > 0.6


def test_labels_start_on_the_right_side_of_a_probability_of_half():
    (features, labels), (held, true) = data(0), data(1)
    one = model()
    # The first two labels exclude each other, the third goes with either.
    targets, wanted = (
        np.stack([row == 0, row != 0, rows[:, -1] > 5], axis=1).astype(np.float32)
        for rows, row in ((features, labels), (held, true))
    )
    solve(one, "multilabel", embedded(features, targets), embedded(held, wanted))
    right = ((one(held).numpy() > 0) == (wanted > 0)).mean(axis=0)
    assert (right > [0.7, 0.7, 0.9]).all()


@pytest.mark.parametrize("keeps_better", [True, False])
def test_a_better_layer_stays_if_wanted(keeps_better):
    """As from a last model that has seen more images than there are now."""
    (features, labels), (held, true) = data(0), data(1)
    one = model()
    best = linear_model.LogisticRegression(C=1e6, max_iter=5000).fit(held, true)
    before = [best.coef_.T * 0.5, best.intercept_ * 0.5]
    one.get_layer("logits").set_weights(before)
    head = task.load("classification").head
    images = embedded(features, labels)
    head.solve(one, images, embedded(held, true), head.loss(0.0), keeps_better)
    kernel = one.get_layer("logits").get_weights()[0]
    assert np.allclose(kernel, before[0], rtol=1e-5) is keeps_better


@pytest.mark.parametrize("missing", ["train", "eval"])
def test_without_images_a_head_stays_as_it_is(missing):
    one = model()
    before = one.get_layer("logits").get_weights()[0]
    images = embedded(*data(0, 0 if missing == "train" else 5))
    solve(one, "classification", images, embedded(*data(1, 0 if missing == "eval" else 5)))
    np.testing.assert_array_equal(one.get_layer("logits").get_weights()[0], before)
