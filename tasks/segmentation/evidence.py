"""The evidence of segmentation: limits, and mean IoU and IoUs against the served model.

The pixels of an image are not independent, so whole images are drawn: with replacement for the bounds of a
difference, and the two models' answers about an image at random for the chance of a loss.

Dimension letters: N images, K classes, B resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data import formats
from tasks import against_served, evaluate_config, evidence_config, gate_check, limits
from tasks.segmentation import figures
from tasks.segmentation.answers import Predictions
from tasks.segmentation.measures import pixels, resampling
from tasks.statistics import paired

WHOLE = "mean_iou_against_served"
CLASS = "iou_against_served"


class Evidence:
    """See ``judging.Evidence``."""

    settings = frozenset({"max_mean_iou_drop", "max_iou_drop", "max_differing_pixels"})
    whole_check = WHOLE
    class_check = CLASS

    def limits(
        self,
        candidate: Predictions,
        config: evidence_config.EvidenceConfig,
        evaluate: evaluate_config.EvaluateConfig,
    ) -> list[gate_check.Check]:
        """See ``judging.Evidence``."""
        return limits.check(figures.FIGURES, candidate, config, evaluate)

    def against_served(
        self, candidate: Predictions, served: Predictions, config: evidence_config.EvidenceConfig
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
        found = compare(first.matrices[chosen], second.matrices[chosen], places, config)
        support = shown[chosen].sum(0)
        whole = _whole(found[0], int(chosen.sum()), len(found), config)
        classes = [
            _class(name, one, int(support[place]), len(found), config)
            for name, place, one in zip(known_names, places, found[1:], strict=True)
            if support[place]
        ]
        return [whole, *told, *classes]


@dataclass(frozen=True)
class Difference:
    """A figure of two models on the same images.

    Attributes:
      before, after: of the served model and of the candidate, in 0–1; NaN if undefined.
      lower: the lower confidence bound of after − before.
      p_value: probability of such a loss by chance, after Holm's correction.
    """

    before: float
    after: float
    lower: float
    p_value: float

    @property
    def change(self) -> float:
        """Returns after − before."""
        return self.after - self.before


def compare(
    candidate: np.ndarray,
    served: np.ndarray,
    places: Sequence[int],
    config: evidence_config.EvidenceConfig,
) -> list[Difference]:
    """Compares two models on the same images.

    Args:
      candidate: its matrices [N, K, K + 1].
      served: those of the served model.
      places: the classes that both know.
      config: confidence and number of resamples.

    Returns:
      The mean IoU over those classes, then the IoU of each.
    """
    parts = np.stack([_parts(candidate), _parts(served)])  # 2, N, 3, K
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
    return [Difference(*map(float, row)) for row in rows]


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


def _whole(
    one: Difference, images: int, compared: int, config: evidence_config.EvidenceConfig
) -> gate_check.Check:
    margin = config.max_mean_iou_drop
    told = _change("Mean IoU", one, images)
    verdict: gate_check.Verdict = "release" if one.lower > -margin else "inconclusive"
    if one.change < -margin and one.p_value <= 1 - config.confidence:
        verdict = "refuse"
        told += f"; {_beyond_chance(one, margin)}."
    else:
        told += (
            f"; with {100 * config.confidence:g}% confidence it is at most"
            f" {formats.size_in_points(min(0, one.lower))} lower, and"
            f" {formats.size_in_points(margin)} are allowed."
        )
    if verdict == "inconclusive":
        told += " That is too few images to tell."
    return gate_check.Check(WHOLE, verdict, told, _figures(one, margin, images, compared))


def _class(
    name: str,
    one: Difference,
    images: int,
    compared: int,
    config: evidence_config.EvidenceConfig,
) -> gate_check.Check:
    margin = config.max_iou_drop
    told = _change(f"IoU of {name!r}", one, images)
    verdict: gate_check.Verdict = "release"
    if one.change >= -margin:
        told += f"; a loss of {formats.size_in_points(margin)} is allowed."
    elif one.p_value <= 1 - config.confidence:
        verdict = "refuse"
        told += f"; {_beyond_chance(one, margin)}."
    elif images >= config.min_support:
        verdict = "inconclusive"
        told += (
            f"; {formats.size_in_points(margin)} are allowed, but that may be chance"
            f" ({_p_value(one)})."
        )
    else:
        told += (
            f"; {formats.size_in_points(margin)} are allowed, but with fewer than"
            f" {config.min_support} test images that may be chance and is not counted."
        )
    figures_of = {gate_check.CLASS: name, **_figures(one, margin, images, compared)}
    return gate_check.Check(CLASS, verdict, told, figures_of)


def _change(what: str, one: Difference, images: int) -> str:
    before, after = formats.percent(one.before), formats.percent(one.after)
    where = f"on {formats.plural(images, 'test image')}"
    if one.change == 0:
        return f"{what} stayed at {after} {where}"
    return f"{what} {'fell' if one.change < 0 else 'rose'} from {before} to {after} {where}"


def _beyond_chance(one: Difference, margin: float) -> str:
    return (
        f"that is beyond chance ({_p_value(one)}), and only {formats.size_in_points(margin)} are"
        " allowed"
    )


def _p_value(one: Difference) -> str:
    return "p < 0.001" if one.p_value < 0.001 else f"p = {one.p_value:.3f}"


def _figures(one: Difference, margin: float, images: int, compared: int) -> dict[str, float]:
    return {
        "served_rate": one.before,
        "candidate_rate": one.after,
        "difference": one.change,
        "lower_bound": one.lower,
        "p_value": one.p_value,
        "margin": margin,
        "images": images,
        "comparisons": compared,
    }


EVIDENCE = Evidence()
