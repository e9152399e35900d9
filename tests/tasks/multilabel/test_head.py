import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from tasks.multilabel import head


def drawn(seed: int = 0, count: int = 500, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Targets of rare and frequent labels, and logits that tell them apart a little."""
    generator = np.random.default_rng(seed)
    shares = np.linspace(0.02, 0.6, classes)
    targets = (generator.random((count, classes)) < shares).astype(np.float32)
    logits = 3 * targets + 2 * generator.normal(size=targets.shape) - 2
    return targets, logits.astype(np.float32)


def naive_loss(targets, logits, smoothing: float, weights) -> list[float]:
    losses = []
    for row, values in zip(targets.astype(float), logits.astype(float), strict=True):
        terms = []
        for target, value, weight in zip(row, values, weights, strict=True):
            smooth = target * (1 - smoothing) + smoothing / 2
            probability = 1 / (1 + np.exp(-value))
            terms.append(
                -weight * smooth * np.log(probability) - (1 - smooth) * np.log(1 - probability)
            )
        losses.append(np.mean(terms))
    return losses


@pytest.mark.parametrize("weights", [(), (1.0, 2.0, 0.5, 3.0, 1.0, 4.0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_a_naive_loop(smoothing, weights):
    targets, logits = drawn(count=20)
    targets[0] = 0.3  # mixed
    loss = head.HEAD.loss(smoothing, weights)
    expected = naive_loss(targets, logits, smoothing, weights or [1.0] * 6)
    np.testing.assert_allclose(loss.call(targets, tf.constant(logits)), expected, rtol=1e-5)
    rebuilt = type(loss).from_config(loss.get_config())
    np.testing.assert_allclose(rebuilt.call(targets, tf.constant(logits)), expected, rtol=1e-5)


def test_without_smoothing_and_weights_the_loss_is_that_of_keras():
    targets, logits = drawn(count=20)
    expected = keras.losses.binary_crossentropy(targets, logits, from_logits=True)
    found = head.HEAD.loss(0.0).call(targets, tf.constant(logits))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def summed(targets: np.ndarray, logits: np.ndarray, batch: int) -> np.ndarray:
    starts = range(0, len(targets), batch)
    parts = [
        head.tally(targets[start : start + batch], tf.constant(logits[start : start + batch]))
        for start in starts
    ]
    return np.sum(parts, axis=0)


@pytest.mark.parametrize("seed", range(3))
def test_the_score_is_scikit_learns_but_for_the_bins(seed):
    targets, logits = drawn(seed)
    counts = summed(targets, logits, 64)
    expected = metrics.average_precision_score(targets, logits, average=None)
    np.testing.assert_allclose(head.average_precisions(tf.constant(counts)), expected, atol=0.01)
    assert head.HEAD.measure(counts) == pytest.approx(expected.mean(), abs=0.005)
    np.testing.assert_array_equal(counts, summed(targets, logits, 500))


def test_binned_scores_are_exactly_scikit_learns():
    """Where ties are the bins themselves."""
    targets, logits = drawn()
    width = 2 * head.LARGEST / head.BINS
    binned = np.floor(logits / width) * width + width / 2
    expected = metrics.average_precision_score(targets, binned, average="macro")
    assert head.HEAD.measure(summed(targets, binned, 100)) == pytest.approx(expected, abs=1e-6)


def test_labels_without_images_do_not_count_and_no_image_scores_0():
    targets, logits = drawn()
    targets[:, 2] = 0
    rest = [0, 1, 3, 4, 5]
    expected = metrics.average_precision_score(targets[:, rest], logits[:, rest])
    assert head.HEAD.measure(summed(targets, logits, 500)) == pytest.approx(expected, abs=0.01)
    nothing = head.tally(targets[:0], tf.constant(logits[:0])).numpy()
    assert nothing.shape == (2, 6, head.BINS)
    assert head.HEAD.measure(nothing) == 0.0


def test_what_is_no_number_or_infinite_counts_at_an_end():
    logits = tf.constant([[np.nan], [np.inf], [-np.inf]], tf.float32)
    counts = head.tally(np.array([[0.0], [1.0], [0.0]]), logits).numpy()
    assert (counts[1, 0, -1], counts[0, 0, 0]) == (1, 2)
    assert head.HEAD.measure(counts) == 1.0


def test_the_metric_of_training_is_the_score():
    targets, logits = drawn()
    (metric,) = head.HEAD.metrics(keras.Input((6,)))
    assert float(metric.result()) == 0.0
    for start in range(0, 500, 100):
        metric.update_state(targets[start : start + 100], tf.constant(logits[start : start + 100]))
    assert float(metric.result()) == pytest.approx(head.HEAD.measure(summed(targets, logits, 500)))
    metric.reset_state()
    assert float(metric.result()) == 0.0
    assert metric.name == head.HEAD.score


def test_bars_are_drawn_for_as_many_labels_as_can_be_read():
    counts = summed(*drawn(), 500)
    (picture,) = head.HEAD.draw(counts, list("abcdef")).values()
    assert (picture.dtype, picture.shape[2]) == (np.uint8, 3)
    lengths = (picture[10 :: head.ROW_PX, :, 2] == 220).sum(axis=1)
    values = head.average_precisions(tf.constant(counts)).numpy()
    np.testing.assert_allclose(lengths / head.BAR_PX, values, atol=0.02)
    many = np.zeros((2, head.MAX_CLASSES + 1, head.BINS), np.int64)
    assert head.HEAD.draw(many, ["a"] * (head.MAX_CLASSES + 1)) == {}
