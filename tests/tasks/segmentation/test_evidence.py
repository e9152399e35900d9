"""A model that is worse on one class is refused, an equal one hardly ever."""

import numpy as np
import pytest

from tasks import evidence_config, figure_loss
from tasks.segmentation import evidence
from tasks.segmentation.figures import pixels

K = 3
CONFIG = evidence_config.EvidenceConfig(bootstrap_samples=1000)


def answered(truths, right, seed):
    """Matrices of a model that answers a share of each image's pixels right, by class."""
    generator = np.random.default_rng(seed)
    found = []
    for truth in truths:
        # Some images are harder than others, for every pixel of them.
        chance = np.clip(np.asarray(right)[truth] + generator.normal(0, 0.1), 0, 1)
        answer = np.where(generator.random(truth.shape) < chance, truth, (truth + 1) % K)
        found.append(pixels.confusion(truth, answer.astype(np.uint8), K))
    return np.stack(found)


def truths(count, seed=0):
    return np.random.default_rng(seed).integers(0, K, [count, 12, 12]).astype(np.uint8)


def verdicts(candidate, served, together=None):
    found = evidence.compare(candidate, served, range(K), CONFIG, together)
    images, compared = len(candidate), len(found)
    judged = figure_loss.Judged(
        evidence.WHOLE, "Mean IoU", CONFIG.max_mean_iou_drop, images, compared
    )
    whole = figure_loss.of_whole(found[0], judged, CONFIG)
    classes = []
    for number, one in enumerate(found[1:]):
        about = (evidence.CLASS, f"IoU of {number}", CONFIG.max_iou_drop, images, compared)
        classes.append(figure_loss.of_class(str(number), one, figure_loss.Judged(*about), CONFIG))
    return whole, classes


def test_a_model_worse_on_one_class_is_refused():
    images = truths(60)
    served = answered(images, [0.8, 0.8, 0.8], 1)
    _, classes = verdicts(answered(images, [0.8, 0.8, 0.4], 2), served)
    assert classes[2].verdict == "refuse" and "beyond chance" in classes[2].message
    # The first class gets the pixels that the third loses, and so loses IoU too.
    assert classes[1].verdict == "release"


def test_the_same_model_again_is_released():
    served = answered(truths(60), [0.8, 0.7, 0.6], 1)
    whole, classes = verdicts(served, served)
    assert whole.verdict == "release" and "stayed at" in whole.message
    assert {one.verdict for one in classes} == {"release"}


def test_a_better_model_is_released():
    images = truths(60)
    whole, _ = verdicts(answered(images, [0.9, 0.9, 0.9], 2), answered(images, [0.7, 0.7, 0.7], 1))
    assert whole.verdict == "release" and "rose" in whole.message


@pytest.mark.parametrize("count", [8, 40])
def test_equal_models_are_seldom_refused(count):
    """The chance of any refusal is at most 5 %; of 40 pairs, 7 or more would be one in 3,000."""
    config = CONFIG
    refused = 0
    for seed in range(40):
        images = truths(count, seed)
        first, second = (answered(images, [0.7, 0.7, 0.7], 100 * seed + one) for one in (1, 2))
        whole, classes = verdicts(first, second)
        refused += any(one.verdict == "refuse" for one in (whole, *classes))
    assert refused < 7
    assert config.confidence == 0.95


def test_few_images_are_inconclusive_not_refused():
    images = truths(3)
    whole, _ = verdicts(
        answered(images, [0.6, 0.6, 0.6], 2), answered(images, [0.75, 0.75, 0.75], 1)
    )
    assert whole.verdict == "inconclusive"


def test_frames_of_few_films_are_no_evidence_of_many():
    """Thirty frames of each of three films: as frames the loss is certain, as three films it is not."""
    films = np.repeat(np.arange(3), 30)
    served = answered(truths(3), [0.8, 0.8, 0.8], 1)[films]
    candidate = answered(truths(3), [0.65, 0.65, 0.65], 2)[films]
    frames, _ = verdicts(candidate, served)
    whole, _ = verdicts(candidate, served, films.tolist())
    assert frames.verdict == "refuse" and whole.verdict == "inconclusive"
