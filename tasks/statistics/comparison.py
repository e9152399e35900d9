"""Statistical comparison of the candidate with the served model, by counts alone.

Three outcomes: a significant loss beyond the margin is refused; a model that is shown to lose no
more than the margin is released; in between there are too few images to decide.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tasks import evidence_config, gate_check
from tasks.statistics import paired


@dataclass(frozen=True)
class Judgement:
    """The outcome of one comparison.

    Attributes:
      verdict: the verdict of this comparison.
      p_value: the probability of such a loss by chance, after Holm's correction.
      lower: the lower confidence bound of the difference of the rates, in −1–1.
      enough: returns true for counts with which the comparison would not be inconclusive.
    """

    verdict: gate_check.Verdict
    p_value: float
    lower: float
    enough: Callable[[paired.Pairs], bool]


def judge(
    overall: paired.Pairs,
    classes: Sequence[paired.Pairs],
    config: evidence_config.EvidenceConfig,
    sets: Sequence[paired.Pairs] = (),
    class_margin: float | None = None,
) -> list[Judgement]:
    """Judges all comparisons of two models together.

    Of two equally good models, any comparison refuses one with a probability of at most
    1 − confidence: every refusal needs a loss that McNemar's exact test finds significant after
    Holm's correction. With the method "bootstrap", the loss must also be beyond the margin in all
    but that share of the resamples.

    A class needs no proof of non-inferiority, unlike the whole: that would take hundreds of its
    images. Below min_support images it can be refused, but not be inconclusive.

    Args:
      overall: the counts of all images.
      classes: the counts of each class, at least one image each.
      config: margins, confidence and method.
      sets: the counts of parts of the images. They are judged like a class, but by the margin of
        the whole, and are never inconclusive: the whole, of which they are parts, covers that.
      class_margin: the allowed loss of each class; ``max_recall_drop`` by default.

    Returns:
      A judgement for the whole, then for each class, then for each set.
    """
    parts = [*classes, *sets]
    class_margin = config.max_recall_drop if class_margin is None else class_margin
    margins = [class_margin] * len(classes) + [config.max_accuracy_drop] * len(sets)
    evidence = [
        _evidence(pairs, margin, config)
        for pairs, margin in zip(
            [overall, *parts], [config.max_accuracy_drop, *margins], strict=True
        )
    ]
    p_values = paired.adjusted([p_value for p_value, _ in evidence])
    lowers = [lower for _, lower in evidence]
    level = (1 - config.confidence) / len(evidence)
    judged = [_judge_overall(overall, p_values[0], lowers[0], level, config)]
    for pairs, margin, p_value, lower in zip(parts, margins, p_values[1:], lowers[1:], strict=True):
        judged.append(_judge_part(pairs, margin, p_value, lower, level, config))
    first_set = 1 + len(classes)
    return judged[:first_set] + [_never_inconclusive(one) for one in judged[first_set:]]


def _never_inconclusive(judgement: Judgement) -> Judgement:
    if judgement.verdict == "inconclusive":
        return dataclasses.replace(judgement, verdict="release")
    return judgement


def _judge_overall(
    pairs: paired.Pairs,
    p_value: float,
    lower: float,
    level: float,
    config: evidence_config.EvidenceConfig,
) -> Judgement:
    margin = config.max_accuracy_drop
    too_low = pairs.difference < -margin

    def enough(larger: paired.Pairs) -> bool:
        if too_low:
            return paired.loss_p_value(larger) <= level
        return paired.score_bounds(larger, config.confidence)[0] > -margin

    if too_low and p_value <= 1 - config.confidence:
        return Judgement("refuse", p_value, lower, enough)
    return Judgement("release" if lower > -margin else "inconclusive", p_value, lower, enough)


def _judge_part(
    pairs: paired.Pairs,
    margin: float,
    p_value: float,
    lower: float,
    level: float,
    config: evidence_config.EvidenceConfig,
) -> Judgement:
    verdict: gate_check.Verdict = "release"
    if pairs.difference < -margin:
        if p_value <= 1 - config.confidence:
            verdict = "refuse"
        elif pairs.count >= config.min_support:
            verdict = "inconclusive"
    return Judgement(verdict, p_value, lower, lambda larger: paired.loss_p_value(larger) <= level)


@functools.lru_cache(maxsize=65536)  # simulations repeat the same counts
def _evidence(
    pairs: paired.Pairs, margin: float, config: evidence_config.EvidenceConfig
) -> tuple[float, float]:
    """Returns the p value of a loss and the lower confidence bound, by the configured method."""
    p_value = paired.loss_p_value(pairs)
    if config.method == "mcnemar":
        return p_value, paired.score_bounds(pairs, config.confidence)[0]
    drawn = paired.bootstrap_differences(pairs, config.bootstrap_samples)
    allowed = (1 + np.count_nonzero(drawn >= -margin)) / (1 + len(drawn))
    return max(p_value, allowed), float(np.quantile(drawn, 1 - config.confidence))
