"""The evidence of detection: limits, and mAP50 and AP50 against the served model.

Both models' detections are matched once. Images are then drawn with replacement for the bounds of a
difference, the same ones for both models; for the chance of a loss, an image's two answers are
swapped at random: if both models are equally good, each could as well be the other's. That holds for
any number of images. Source: Fisher's randomisation test for pairs; Good, "Permutation, Parametric
and Bootstrap Tests", 2005.

Dimension letters: N images, K classes, R resamples.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks import (
    against_served,
    evaluate_config,
    evidence_config,
    figure_loss,
    gate_check,
    limits,
)
from tasks.boxes import average_precision, matching, measures, rows
from tasks.detection import figures
from tasks.statistics import paired

if TYPE_CHECKING:  # it imports TensorFlow, which command lines do without
    from tasks.detection.answers import Predictions

WHOLE, CLASS = "map50_against_served", "ap50_against_served"
# AP is computed anew for each resample and class, which takes some 50 µs.
MOST_RESAMPLES = 2000


class Evidence:
    """See ``judging.Evidence``."""

    settings = frozenset({"max_map50_drop", "max_ap50_drop", "max_detection_difference"})
    whole_check = WHOLE
    class_check = CLASS

    def limits(
        self,
        candidate: "Predictions",
        config: evidence_config.EvidenceConfig,
        evaluate: evaluate_config.EvaluateConfig,
    ) -> list[gate_check.Check]:
        """See ``judging.Evidence``."""
        return limits.check(figures.FIGURES, candidate, config, evaluate)

    def against_served(
        self,
        candidate: "Predictions",
        served: "Predictions",
        config: evidence_config.EvidenceConfig,
    ) -> list[gate_check.Check]:
        """Compares two models on the objects of the classes that the served model knows.

        Args:
          candidate: the candidate's answers, by the labels of the data.
          served: the served model's answers about the same images.
          config: margins, confidence and number of resamples.

        Raises:
          errors.PipelineError: the two answers are about different images.
        """
        labels = candidate.labels
        known = [name for name in labels if name in set(served.labels)]
        new = [name for name in labels if name not in set(served.labels)]
        first, second = against_served.same_images(candidate, served.aligned(labels))
        images = _images_of(first, len(labels))
        told = []
        if new:
            places = [labels.index(name) for name in new]
            count = int(images[:, places].any(axis=1).sum())
            told = [against_served.new_classes(new, count)]
        support = images.sum(axis=0)
        present = [name for name in known if support[labels.index(name)]]
        if not present:
            return told
        places = [labels.index(name) for name in present]
        found = compare(first, second, places, config)
        judged = figure_loss.Judged(
            WHOLE, "mAP50", config.max_map50_drop, len(first.paths), len(found)
        )
        checks = [figure_loss.of_whole(found[0], judged, config), *told]
        for name, place, one in zip(present, places, found[1:], strict=True):
            about = (CLASS, f"AP50 of {name!r}", config.max_ap50_drop)
            judged = figure_loss.Judged(*about, int(support[place]), len(found))
            checks.append(figure_loss.of_class(name, one, judged, config))
        return checks


def compare(
    candidate: "Predictions",
    served: "Predictions",
    places: Sequence[int],
    config: evidence_config.EvidenceConfig,
) -> list[figure_loss.Difference]:
    """Compares two models on the same N images.

    Args:
      candidate: its answers.
      served: the other's, about the same images in the same order and by the same labels.
      places: the classes to compare.
      config: confidence and number of resamples.

    Returns:
      The mean AP50 over those classes, then the AP50 of each.
    """
    count, samples = len(candidate.paths), min(config.bootstrap_samples, MOST_RESAMPLES)
    both = [_matches(candidate), _matches(served)]
    gathered = average_precision.gather([*both[0], *both[1]], len(candidate.labels))
    none = np.zeros((1, count))

    def values(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Computes [R, 1 + k] figures of answers weighted [R, N]: the candidate's, the other's."""
        found = average_precision.bootstrap(gathered, np.concatenate([first, second], axis=1))
        chosen = found[:, list(places)]
        return np.concatenate([measures.mean_of_rows(chosen)[:, None], chosen], axis=1)

    after, before = values(none + 1, none)[0], values(none, none + 1)[0]
    drawn = measures.bootstrap_weights(count, 0, samples)
    nothing = np.zeros_like(drawn)
    bounds = values(drawn, nothing) - values(nothing, drawn)
    swaps = np.random.default_rng(1).integers(0, 2, (samples, count)).astype(float)
    by_chance = values(swaps, 1 - swaps) - values(1 - swaps, swaps)
    # Nearly equal sums count as equal.
    limits_of = after - before + 1e-9
    p_values = [
        (1 + np.count_nonzero(column <= limit)) / (1 + samples)
        for column, limit in zip(by_chance.T, limits_of, strict=True)
    ]
    lowers = [_quantile(column, 1 - config.confidence) for column in bounds.T]
    table = zip(before, after, lowers, paired.adjusted(p_values), strict=True)
    return [figure_loss.Difference(*map(float, row)) for row in table]


def _matches(found: "Predictions") -> list[matching.Matches]:
    return [
        matching.match(rows.truth(one), rows.found(other), len(found.labels), matching.ALL)
        for one, other in zip(found.objects, found.detections, strict=True)
    ]


def _images_of(found: "Predictions", class_count: int) -> np.ndarray:
    """Returns which images have an object of each class that counts: bool [N, K]."""
    images = np.zeros((len(found.objects), class_count), bool)
    for index, one in enumerate(found.objects):
        images[index, one[(one[:, 5] == 0) & (one[:, 6] == 0), 4].astype(int)] = True
    return images


def _quantile(values: np.ndarray, share: float) -> float:
    defined = values[~np.isnan(values)]
    return float(np.quantile(defined, share)) if len(defined) else -1.0


EVIDENCE = Evidence()
