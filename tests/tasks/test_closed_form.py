import keras
import numpy as np
import pytest
from scipy import special
from sklearn import linear_model

from tasks import closed_form, linear_head, task
from tasks.facets.training import Weighted

FEATURES, CLASSES = 12, 3


def data(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Three overlapping clouds of unequal sizes: float32 [N, F] and label ids [N]."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(CLASSES, count, p=[0.6, 0.3, 0.1])
    centres = np.random.default_rng(9).normal(size=(CLASSES, FEATURES)) * 0.8
    noise = generator.normal(size=(count, FEATURES)) * np.linspace(0.8, 3.0, FEATURES)
    return (5 + centres[labels] + noise).astype(np.float32), labels


def one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(CLASSES)[labels]


def moments(features: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> closed_form.Moments:
    """Added in batches of unequal sizes."""
    found = closed_form.Moments(features.shape[1], targets.shape[1])
    for part in (slice(0, 7), slice(7, 200), slice(200, None)):
        found.add(features[part], targets[part], weights[part])
    return found


@pytest.mark.parametrize("strength", [0.01, 1.0, 30.0])
def test_it_is_ridge_regression_as_scikit_learn_has_it(strength):
    features, labels = data(0)
    weights = np.random.default_rng(1).uniform(0, 2, len(labels))
    layer = moments(features, one_hot(labels), weights).solve(strength)
    mean = np.average(features, axis=0, weights=weights)
    variance = np.average((features - mean) ** 2, axis=0, weights=weights).mean()
    ridge = linear_model.Ridge(alpha=strength * variance * weights.sum())
    ridge.fit(features, one_hot(labels) - 0.5, sample_weight=weights)
    np.testing.assert_allclose(layer.kernel, ridge.coef_.T, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.bias, ridge.intercept_, rtol=1e-4, atol=1e-5)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-special.log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def test_penalty_and_scale_are_the_best_on_held_out_images():
    (features, labels), (held, true) = data(0, 40), data(1, 100)
    found = moments(features, one_hot(labels), np.ones(len(labels)))
    outputs = closed_form.best(found, held, lambda logits: cross_entropy(logits, true))
    reached = cross_entropy(outputs.outputs(held), true)
    tried = [
        cross_entropy(found.solve(strength).scaled(scale).outputs(held), true)
        for strength in closed_form.STRENGTHS
        for scale in np.geomspace(0.1, 100, 200)
    ]
    assert reached == pytest.approx(min(tried), rel=1e-3)


def test_without_an_image_there_is_no_layer():
    with pytest.raises(ValueError, match="no image"):
        closed_form.Moments(FEATURES, CLASSES).solve(1.0)


def model(classes: int = CLASSES) -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((FEATURES,))
    return keras.Model(
        inputs, linear_head.LinearHead().build({"pooled": inputs}, classes, dropout=0.2)
    )


def solved(
    one: keras.Model, name: str, targets: np.ndarray, held: tuple[np.ndarray, np.ndarray], loss
) -> bool:
    features, _ = data(0)
    batches = [Weighted(features, targets, np.ones(len(features)))]
    return task.load(name).head.solve(one, batches, held, loss)


def test_a_classifier_starts_as_good_as_logistic_regression():
    (features, labels), (held, true) = data(0), data(1)
    one = model()
    loss = task.load("classification").head.loss(0.1)
    assert solved(one, "classification", one_hot(labels), (held, true), loss)
    reference = linear_model.LogisticRegression(max_iter=1000).fit(features, labels)
    found = (one(held).numpy().argmax(axis=1) == true).mean()
    assert found >= reference.score(held, true) - 0.02 > 0.7


def test_labels_start_on_the_right_side_of_a_probability_of_half():
    (features, labels), (held, true) = data(0), data(1)
    one, loss = model(), task.load("multilabel").head.loss(0.0)
    # The first two labels exclude each other, the third goes with either.
    targets, wanted = (
        np.stack([row == 0, row != 0, rows[:, -1] > 5], axis=1).astype(np.float32)
        for rows, row in ((features, labels), (held, true))
    )
    assert solved(one, "multilabel", targets, (held, wanted), loss)
    right = ((one(held).numpy() > 0) == (wanted > 0)).mean(axis=0)
    assert (right > [0.75, 0.75, 0.9]).all()


def test_a_better_layer_stays():
    """As from a last model that has seen more images than there are now."""
    held, true = data(1)
    one, loss = model(), task.load("classification").head.loss(0.0)
    _, labels = data(0)
    best = linear_model.LogisticRegression(C=1e6, max_iter=5000).fit(held, true)
    before = [best.coef_.T, best.intercept_]
    one.get_layer("logits").set_weights(before)
    assert solved(one, "classification", one_hot(labels), (held, true), loss)
    np.testing.assert_allclose(one.get_layer("logits").get_weights()[0], before[0], rtol=1e-5)


@pytest.mark.parametrize("missing", ["train", "eval"])
def test_without_images_a_head_stays_as_it_is(missing):
    one, loss = model(), task.load("classification").head.loss(0.0)
    before = one.get_layer("logits").get_weights()[0]
    features, labels = data(0, 0 if missing == "train" else 5)
    held = data(1, 0 if missing == "eval" else 5)
    batches = [Weighted(features, one_hot(labels), np.ones(len(labels)))]
    assert not task.load("classification").head.solve(one, batches, held, loss)
    np.testing.assert_array_equal(one.get_layer("logits").get_weights()[0], before)
