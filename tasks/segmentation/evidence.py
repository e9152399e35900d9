"""The evidence of segmentation: limits, and mean IoU and IoUs against the served model.

The pixels of an image are not independent, so whole images are drawn: with replacement for the bounds of a
difference, and the two models' answers about an image at random for the chance of a loss.

Dimension letters: N images, K classes, B resamples.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tasks import against_served, evaluate_config, evidence_config, figure_loss, gate_check, limits
from tasks.segmentation import figures
from tasks.segmentation.figures import pixels, resampling
from tasks.statistics import groups, paired

if TYPE_CHECKING:  # it imports TensorFlow, which command lines do without
    from tasks.segmentation.answers.masks import Predictions

WHOLE = "mean_iou_against_served"
CLASS = "iou_against_served"


class Evidence:
    """See ``judging.Evidence``."""

    settings = frozenset(
        {"max_mean_iou_drop", "max_iou_drop", "max_differing_pixels", "group_pattern"}
    )
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
        """Compares two models on the images that show a class that the served model knows.

        Args:
          candidate: the candidate's answers, by the labels of the data.
          served: the served model's answers about the same images.
          config: margins, confidence and number of resamples.

        Raises:
          errors.PipelineError: the two answers are about different images.
        """
        labels = candidate.labels
        known_names = [name for name in labels if name in set(served.labels)]
        new_names = [name for name in labels if name not in set(served.labels)]
        first, second = against_served.same_images(candidate, served.aligned(labels))
        places = [labels.index(name) for name in known_names]
        shown = first.targets > 0
        told = []
        if new_names:
            new = [labels.index(name) for name in new_names]
            told = [against_served.new_classes(new_names, int(shown[:, new].any(1).sum()))]
        chosen = shown[:, places].any(1)
        if not chosen.any():
            return told
        paths = [path for path, is_chosen in zip(first.paths, chosen, strict=True) if is_chosen]
        together = groups.keys(config.group_pattern, paths)
        found = compare(first.matrices[chosen], second.matrices[chosen], places, config, together)
        support = shown[chosen].sum(0)
        compared = len(found)
        judged = figure_loss.Judged(
            WHOLE, "Mean IoU", config.max_mean_iou_drop, int(chosen.sum()), compared
        )
        whole = figure_loss.of_whole(found[0], judged, config)
        classes = []
        for name, place, one in zip(known_names, places, found[1:], strict=True):
            if support[place]:
                about = (CLASS, f"IoU of {name!r}", config.max_iou_drop)
                judged = figure_loss.Judged(*about, int(support[place]), compared)
                classes.append(figure_loss.of_class(name, one, judged, config))
        return [whole, *told, *classes]


def compare(
    candidate: np.ndarray,
    served: np.ndarray,
    places: Sequence[int],
    config: evidence_config.EvidenceConfig,
    together: Sequence[object] | None = None,
) -> list[figure_loss.Difference]:
    """Compares two models on the same images.

    Args:
      candidate: its matrices [N, K, K + 1].
      served: those of the served model.
      places: the classes that both know.
      config: confidence and number of resamples.
      together: N keys, equal for images that are drawn together; None: each image is drawn alone.

    Returns:
      The mean IoU over those classes, then the IoU of each.
    """
    both = (resampling.grouped(_parts(one), together) for one in (candidate, served))
    parts = np.stack(list(both))  # 2, N, 3, K
    after, before = (_ious(one.sum(0), places) for one in parts)
    joined = parts.transpose(1, 0, 2, 3)
    drawn = resampling.resampled(joined, config.bootstrap_samples)  # the same images for both
    bounds = _ious(drawn[:, 0], places) - _ious(drawn[:, 1], places)
    swapped = _swapped(parts, config.bootstrap_samples)
    by_chance = _ious(swapped[0], places) - _ious(swapped[1], places)
    p_values = [
        (1 + np.count_nonzero(column <= change)) / (1 + len(column))
        for column, change in zip(by_chance.T, after - before, strict=True)
    ]
    adjusted = paired.adjusted(p_values)
    lowers = [
        float(np.quantile(column[np.isfinite(column)], 1 - config.confidence))
        if np.isfinite(column).any()
        else -1.0
        for column in bounds.T
    ]
    rows = zip(before, after, lowers, adjusted, strict=True)
    return [figure_loss.Difference(*map(float, row)) for row in rows]


def _parts(matrices: np.ndarray) -> np.ndarray:
    """Returns hits, answered and support of each image, float64 [N, 3, K]."""
    sums = pixels.Sums.of(matrices)
    return np.stack([sums.hits, sums.answered, sums.support], axis=1)


def _ious(parts: np.ndarray, places: Sequence[int]) -> np.ndarray:
    """Returns the mean IoU over some classes and their IoUs, […, 1 + k], of sums […, 3, K]."""
    chosen = parts[..., list(places)]
    sums = pixels.Sums(chosen[..., 0, :], chosen[..., 1, :], chosen[..., 2, :])
    return np.concatenate([sums.mean_iou[..., None], sums.iou], axis=-1)


def _swapped(parts: np.ndarray, samples: int) -> np.ndarray:
    """Sums answers of which each image's two were swapped at random: [2, N, …] → [2, B, …].

    If both models are equally good, an image's two answers could as well be the other's: a loss that few
    of these sums show is none of chance. That holds for any number of images. Source: Fisher's
    randomisation test for pairs; Good, "Permutation, Parametric and Bootstrap Tests", 2005.
    """
    count = parts.shape[1]
    generator = np.random.Generator(np.random.Philox(1))
    first, second = (one.reshape(count, -1) for one in parts)
    total, apart = (first + second).sum(0), first - second
    found = np.zeros([2, samples, first.shape[1]])
    rows = max(1, 4_000_000 // max(1, count))
    for start in range(0, samples, rows):
        stop = min(samples, start + rows)
        signs = generator.integers(0, 2, [stop - start, count]) * 2.0 - 1
        moved = signs @ apart
        found[0, start:stop], found[1, start:stop] = (total + moved) / 2, (total - moved) / 2
    return found.reshape(2, samples, *parts.shape[2:])


EVIDENCE = Evidence()
