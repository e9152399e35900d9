"""Judges and words a loss of a figure that follows from whole images, such as a mean IoU or AP.

Tasks measure the differences by resampling images; :mod:`tasks.against_served` has the comparison of
rates of images.
"""

from dataclasses import dataclass
from typing import Any

from data import formats
from tasks import evidence_config, gate_check


@dataclass(frozen=True)
class Difference:
    """A figure of two models on the same images.

    Attributes:
      before: of the served model, in 0–1; NaN if undefined.
      after: of the candidate.
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


@dataclass(frozen=True)
class Judged:
    """What is judged.

    Attributes:
      check: the name of the check.
      title: the figure's name at the start of a sentence.
      margin: the allowed loss, in 0–1.
      images: the number of images that it was measured on.
      compared: the number of figures that are judged together.
    """

    check: str
    title: str
    margin: float
    images: int
    compared: int


def of_whole(
    one: Difference, judged: Judged, config: evidence_config.EvidenceConfig
) -> gate_check.Check:
    """Judges a figure of all images, which must be shown to lose no more than the margin."""
    margin = judged.margin
    sentence = _change(one, judged)
    verdict: gate_check.Verdict = "release" if one.lower > -margin else "inconclusive"
    if one.change < -margin and one.p_value <= 1 - config.confidence:
        verdict = "refuse"
        sentence += f"; {_beyond_chance(one, margin)}."
    else:
        sentence += (
            f"; with {100 * config.confidence:g}% confidence it is at most"
            f" {formats.size_in_points(min(0, one.lower))} lower, and"
            f" {formats.size_in_points(margin)} are allowed."
        )
    if verdict == "inconclusive":
        sentence += " That is too few images to tell."
    return gate_check.Check(judged.check, verdict, sentence, _figures(one, judged))


def of_class(
    name: str, one: Difference, judged: Judged, config: evidence_config.EvidenceConfig
) -> gate_check.Check:
    """Judges a figure of a class, which needs no proof that it lost nothing."""
    margin = judged.margin
    sentence = _change(one, judged)
    verdict: gate_check.Verdict = "release"
    if one.change >= -margin:
        sentence += f"; a loss of {formats.size_in_points(margin)} is allowed."
    elif one.p_value <= 1 - config.confidence:
        verdict = "refuse"
        sentence += f"; {_beyond_chance(one, margin)}."
    elif judged.images >= config.min_support:
        verdict = "inconclusive"
        sentence += (
            f"; {formats.size_in_points(margin)} are allowed, but that may be chance"
            f" ({_p_value(one)})."
        )
    else:
        sentence += (
            f"; {formats.size_in_points(margin)} are allowed, but with fewer than"
            f" {config.min_support} test images that may be chance and is not counted."
        )
    figures = {gate_check.CLASS: name, **_figures(one, judged)}
    return gate_check.Check(judged.check, verdict, sentence, figures)


def _change(one: Difference, judged: Judged) -> str:
    before, after = formats.percent(one.before), formats.percent(one.after)
    where = f"on {formats.plural(judged.images, 'test image')}"
    if one.change == 0:
        return f"{judged.title} stayed at {after} {where}"
    verb = "fell" if one.change < 0 else "rose"
    return f"{judged.title} {verb} from {before} to {after} {where}"


def _beyond_chance(one: Difference, margin: float) -> str:
    return (
        f"that is beyond chance ({_p_value(one)}), and only {formats.size_in_points(margin)} are"
        " allowed"
    )


def _p_value(one: Difference) -> str:
    return "p < 0.001" if one.p_value < 0.001 else f"p = {one.p_value:.3f}"


def _figures(one: Difference, judged: Judged) -> dict[str, Any]:
    return {
        "served_rate": one.before,
        "candidate_rate": one.after,
        "difference": one.change,
        "lower_bound": one.lower,
        "p_value": one.p_value,
        "margin": judged.margin,
        "images": judged.images,
        "comparisons": judged.compared,
    }
