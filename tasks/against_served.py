"""Words the comparison of a candidate with the served model on the same images, for every task.

Dimension letter: N images.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from data import errors, formats
from data.examples import feature_names
from tasks import evidence_config, gate_check
from tasks.statistics import comparison, paired

if TYPE_CHECKING:  # it imports TensorFlow, which command lines do without
    from tasks.predictions import answered

SPAN = "span_against_served"
NEW_CLASSES = "new_classes"
Some = TypeVar("Some", bound="answered.Answered")


@dataclasses.dataclass(frozen=True)
class Rate:
    """A rate that is compared.

    Attributes:
      check: the name of its check.
      title: its name at the start of a sentence.
      margin: the allowed loss, in 0–1.
    """

    check: str
    title: str
    margin: float


def same_images(candidate: Some, served: Some) -> tuple[Some, Some]:
    """Returns both answers in the same order of the images.

    Raises:
      errors.PipelineError: the two are about different images.
    """
    found = candidate.paired(served)
    if found is None:
        raise errors.PipelineError(
            f"The candidate has answers about {len(candidate.paths):,} images and the served model"
            f" about {len(served.paths):,}; images or classes differ, so that they cannot be"
            " compared. This is a fault of the release gate, not of the images."
        )
    return found


def check(
    whole: tuple[Rate, paired.Pairs],
    of_class: Rate,
    classes: Mapping[str, paired.Pairs],
    sets: Mapping[str, paired.Pairs],
    config: evidence_config.EvidenceConfig,
) -> list[gate_check.Check]:
    """Judges the comparisons of two models together, and words each.

    Args:
      whole: the rate and the counts of all images.
      of_class: the rate of each class; its title is followed by the class's name.
      classes: class → the counts.
      sets: part of the images → the counts; compared by the rate of the whole.
      config: confidence and method.

    Returns:
      A check of the whole, of each class, of each set.
    """
    rate, overall = whole
    judged = comparison.judge(
        overall, list(classes.values()), config, list(sets.values()), of_class.margin
    )
    checks = [_overall(rate, overall, judged[0], len(judged), config)]
    in_parts = [
        _Part(
            of_class.check,
            f"{of_class.title} {name!r}",
            pairs,
            of_class.margin,
            {gate_check.CLASS: name},
        )
        for name, pairs in classes.items()
    ] + [
        _Part(SPAN, f"{rate.title} on {name},", pairs, rate.margin, {"span": name})
        for name, pairs in sets.items()
    ]
    for part, judgement in zip(in_parts, judged[1:], strict=True):
        checks.append(_part(part, judgement, len(judged), config))
    return checks


def sets(spans: np.ndarray | None, known: np.ndarray) -> dict[str, np.ndarray]:
    """Maps the names of the oldest and the newest span to masks of their images, bool [N]."""
    numbers = (
        np.unique(spans[known & (spans != feature_names.NO_SPAN)]) if spans is not None else []
    )
    if spans is None or len(numbers) < 2:
        return {}
    ends = {"the oldest": numbers[0], "the newest": numbers[-1]}
    return {f"span {number}, {name}": known & (spans == number) for name, number in ends.items()}


def new_classes(names: list[str], count: int) -> gate_check.Check:
    """Tells of the classes that the served model does not know; ``count`` of their images."""
    named = ", ".join(map(repr, names))
    return gate_check.Check(
        NEW_CLASSES,
        "release",
        f"The served model does not know {named}: the {count:,} test images of"
        f" {'it' if len(names) == 1 else 'them'} are checked against the limits only.",
        {"classes": names, "images": count},
    )


def _overall(
    rate: Rate,
    pairs: paired.Pairs,
    judgement: comparison.Judgement,
    compared: int,
    config: evidence_config.EvidenceConfig,
) -> gate_check.Check:
    margin = rate.margin
    sentence = _change(rate.title, pairs)
    if judgement.verdict == "refuse":
        sentence += f"; {_beyond_chance(judgement, margin)}."
    else:
        sentence += (
            f"; with {100 * config.confidence:g}% confidence it is at most"
            f" {formats.size_in_points(min(0, judgement.lower))} lower, and"
            f" {formats.size_in_points(margin)} are allowed."
        )
    if judgement.verdict == "inconclusive":
        sentence += _too_few(pairs, judgement)
    return gate_check.Check(
        rate.check, judgement.verdict, sentence, _figures(pairs, judgement, margin, compared)
    )


@dataclasses.dataclass(frozen=True)
class _Part:
    """A part of the images: its check, its counts and the margin."""

    check: str
    rate: str
    pairs: paired.Pairs
    margin: float
    figures: dict[str, str]


def _part(
    part: _Part,
    judgement: comparison.Judgement,
    compared: int,
    config: evidence_config.EvidenceConfig,
) -> gate_check.Check:
    pairs, margin = part.pairs, part.margin
    sentence = _change(part.rate, pairs)
    if judgement.verdict == "refuse":
        sentence += f"; {_beyond_chance(judgement, margin)}."
    elif judgement.verdict == "inconclusive":
        sentence += (
            f"; {formats.size_in_points(margin)} are allowed, but that may be chance"
            f" ({_p_value(judgement)}).{_too_few(pairs, judgement, ' of this class')}"
        )
    elif pairs.difference < -margin and part.check == SPAN:
        sentence += (
            f"; {formats.size_in_points(margin)} are allowed, but that may be chance"
            f" ({_p_value(judgement)}) and is not counted."
        )
    elif pairs.difference < -margin:
        sentence += (
            f"; {formats.size_in_points(margin)} are allowed, but with fewer than"
            f" {config.min_support} test images that may be chance and is not counted."
        )
    else:
        sentence += f"; a loss of {formats.size_in_points(margin)} is allowed."
    figures = _figures(pairs, judgement, margin, compared)
    return gate_check.Check(part.check, judgement.verdict, sentence, {**part.figures, **figures})


def _change(what: str, pairs: paired.Pairs) -> str:
    before, after = formats.percent(pairs.served_rate), formats.percent(pairs.candidate_rate)
    images = f"on {_images(pairs.count, 'test ')}"
    if pairs.difference == 0:
        change = f"{what} stayed at {after} {images}"
    else:
        verb = "fell" if pairs.difference < 0 else "rose"
        change = f"{what} {verb} from {before} to {after} {images}"
    if pairs.lost == pairs.gained == 0:
        return f"{change}, all answered as before"
    verb = "is" if pairs.lost == 1 else "are"
    return (
        f"{change}: {_images(pairs.lost)} that the served model got right {verb} wrong now,"
        f" {pairs.gained:,} the other way"
    )


def _beyond_chance(judgement: comparison.Judgement, margin: float) -> str:
    return (
        f"that is beyond chance ({_p_value(judgement)}), and only {formats.size_in_points(margin)}"
        " are allowed"
    )


def _too_few(pairs: paired.Pairs, judgement: comparison.Judgement, of: str = "") -> str:
    needed = paired.images_needed(pairs, judgement.enough)
    if needed is None:
        return " Even a thousand times as many test images might not tell."
    return f" That is too few images to tell; about {needed:,}{of} would be needed."


def _p_value(judgement: comparison.Judgement) -> str:
    return "p < 0.001" if judgement.p_value < 0.001 else f"p = {judgement.p_value:.3f}"


def _images(count: float, kind: str = "") -> str:
    return formats.plural(count, f"{kind}image")


def _figures(
    pairs: paired.Pairs, judgement: comparison.Judgement, margin: float, compared: int
) -> dict[str, float]:
    return {
        **dataclasses.asdict(pairs),
        "served_rate": pairs.served_rate,
        "candidate_rate": pairs.candidate_rate,
        "difference": pairs.difference,
        "lower_bound": judgement.lower,
        "p_value": judgement.p_value,
        "margin": margin,
        "comparisons": compared,
    }


def one_class(
    candidate: Any,
    served: Any,
    whole: Rate,
    of_class: Rate,
    config: evidence_config.EvidenceConfig,
) -> list[gate_check.Check]:
    """Compares two models that are right or wrong on each image of one class.

    Only images of classes that the served model knows count; others are told. Where the images come in
    spans, the two are also compared on the images of the oldest span, a set that stays the same, and on
    those of the newest.

    Args:
      candidate: the candidate's ``Answered``, with the labels of the data, which ``label_ids`` number.
      served: the served model's about the same images, with its own labels.
      whole: what is compared on all images.
      of_class: what is compared on the images of each class.
      config: margins, confidence and method.

    Raises:
      errors.PipelineError: the two answers are about different images.
    """
    labels = candidate.labels
    known_names = [name for name in labels if name in set(served.labels)]
    new_names = [name for name in labels if name not in set(served.labels)]
    first, second = same_images(candidate, served.aligned(labels))
    label_ids = first.label_ids
    known = np.isin(label_ids, [labels.index(name) for name in known_names])
    about_new = [new_classes(new_names, int((~known).sum()))] if new_names else []
    if not known.any():
        return about_new
    members = {name: label_ids == labels.index(name) for name in known_names}

    def pairs(chosen: np.ndarray) -> paired.Pairs:
        return paired.Pairs.of(second.right[chosen], first.right[chosen])

    of_whole, *others = check(
        (whole, pairs(known)),
        of_class,
        {name: pairs(of) for name, of in members.items() if of.any()},
        {name: pairs(of) for name, of in sets(first.spans, known).items()},
        config,
    )
    return [of_whole, *about_new, *others]
