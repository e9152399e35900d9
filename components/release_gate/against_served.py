"""Compares the candidate with the served model on the same images, with reasons in words.

Dimension letters: N images, K classes.
"""

import dataclasses

import numpy as np

from components.release_gate import comparison, decision
from components.release_gate import config as gate_config
from data import errors, formats
from data.examples import example
from tasks.classification import answers as predictions
from tasks.statistics import paired

ACCURACY = "accuracy_against_served"
RECALL = "recall_against_served"
SPAN = "span_against_served"
NEW_CLASSES = "new_classes"


def check(
    candidate: predictions.Predictions,
    served: predictions.Predictions,
    config: gate_config.GateConfig,
) -> list[decision.Check]:
    """Compares two models on the images of the classes that the served model knows.

    Where the images come in spans, the two are also compared on the images of the oldest span, a
    set that stays the same, and on those of the newest.

    Args:
      candidate: the candidate's answers, with the labels of the data, which label_ids number.
      served: the served model's answers about the same images, with its own labels.
      config: margins, confidence and method.

    Raises:
      errors.PipelineError: the two answers are about different images.
    """
    labels = candidate.labels
    known_names = [name for name in labels if name in set(served.labels)]
    new_names = [name for name in labels if name not in set(served.labels)]
    label_ids, candidate_right, served_right, spans = _outcomes(candidate, served.aligned(labels))
    known = np.isin(label_ids, [labels.index(name) for name in known_names])
    checks = [_new_classes(new_names, int((~known).sum()))] if new_names else []
    if not known.any():
        return checks
    overall = paired.Pairs.of(served_right[known], candidate_right[known])
    classes = {}
    for name in known_names:
        members = label_ids == labels.index(name)
        if members.any():
            classes[name] = paired.Pairs.of(served_right[members], candidate_right[members])
    sets = {
        name: paired.Pairs.of(served_right[members], candidate_right[members])
        for name, members in _sets(spans, known).items()
    }
    judged = comparison.judge(overall, list(classes.values()), config, list(sets.values()))
    checks.insert(0, _overall(overall, judged[0], len(judged), config))
    in_parts = [_of_class(name, pairs, config) for name, pairs in classes.items()]
    in_parts += [_of_set(name, pairs, config) for name, pairs in sets.items()]
    for part, judgement in zip(in_parts, judged[1:], strict=True):
        checks.append(_part(part, judgement, len(judged), config))
    return checks


def _sets(spans: np.ndarray | None, known: np.ndarray) -> dict[str, np.ndarray]:
    """Maps the names of the oldest and the newest span to masks of their images, bool [N]."""
    numbers = np.unique(spans[known & (spans != example.NO_SPAN)]) if spans is not None else []
    if spans is None or len(numbers) < 2:
        return {}
    ends = {"the oldest": numbers[0], "the newest": numbers[-1]}
    return {f"span {number}, {name}": known & (spans == number) for name, number in ends.items()}


def _outcomes(
    candidate: predictions.Predictions, served: predictions.Predictions
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Returns by image: true class int64 [N], candidate and served correct bool [N], span [N]."""
    first, second = _order(candidate), _order(served)
    same = len(first) == len(second) and all(
        candidate.paths[i] == served.paths[j] and candidate.label_ids[i] == served.label_ids[j]
        for i, j in zip(first, second, strict=True)
    )
    if not same:
        raise errors.PipelineError(
            f"The candidate has answers about {len(first):,} images and the served model about"
            f" {len(second):,}; images or classes differ, so that they cannot be compared. This is"
            " a fault of the release gate, not of the images."
        )
    spans = None if candidate.spans is None else candidate.spans[first]
    return candidate.label_ids[first], candidate.correct[first], served.correct[second], spans


def _order(answers: predictions.Predictions) -> list[int]:
    keys = list(zip(answers.paths, answers.label_ids.tolist(), strict=True))
    return sorted(range(len(keys)), key=keys.__getitem__)


def _new_classes(names: list[str], count: int) -> decision.Check:
    named = ", ".join(map(repr, names))
    return decision.Check(
        NEW_CLASSES,
        "release",
        f"The served model does not know {named}: the {count:,} test images of"
        f" {'it' if len(names) == 1 else 'them'} are checked against the limits only.",
        {"classes": names, "images": count},
    )


def _overall(
    pairs: paired.Pairs,
    judgement: comparison.Judgement,
    compared: int,
    config: gate_config.GateConfig,
) -> decision.Check:
    margin = config.max_accuracy_drop
    told = _change("Accuracy", pairs)
    if judgement.verdict == "refuse":
        told += f"; {_beyond_chance(judgement, margin)}."
    else:
        told += (
            f"; with {100 * config.confidence:g}% confidence it is at most"
            f" {formats.size_in_points(min(0, judgement.lower))} lower, and"
            f" {formats.size_in_points(margin)} are allowed."
        )
    if judgement.verdict == "inconclusive":
        told += _too_few(pairs, judgement)
    return decision.Check(
        ACCURACY, judgement.verdict, told, _figures(pairs, judgement, margin, compared)
    )


@dataclasses.dataclass(frozen=True)
class _Part:
    """A part of the images: its check, its counts and the margin."""

    check: str
    rate: str
    pairs: paired.Pairs
    margin: float
    figures: dict[str, str]


def _of_class(name: str, pairs: paired.Pairs, config: gate_config.GateConfig) -> _Part:
    figures = {decision.CLASS: name}
    rate = f"Recall of {name!r}"
    return _Part(RECALL, rate, pairs, config.max_recall_drop, figures)


def _of_set(name: str, pairs: paired.Pairs, config: gate_config.GateConfig) -> _Part:
    rate = f"Accuracy on {name},"
    return _Part(SPAN, rate, pairs, config.max_accuracy_drop, {"span": name})


def _part(
    part: _Part,
    judgement: comparison.Judgement,
    compared: int,
    config: gate_config.GateConfig,
) -> decision.Check:
    pairs, margin = part.pairs, part.margin
    told = _change(part.rate, pairs)
    if judgement.verdict == "refuse":
        told += f"; {_beyond_chance(judgement, margin)}."
    elif judgement.verdict == "inconclusive":
        told += (
            f"; {formats.size_in_points(margin)} are allowed, but that may be chance"
            f" ({_p_value(judgement)}).{_too_few(pairs, judgement, ' of this class')}"
        )
    elif pairs.difference < -margin and part.check == SPAN:
        told += (
            f"; {formats.size_in_points(margin)} are allowed, but that may be chance"
            f" ({_p_value(judgement)}) and is not counted."
        )
    elif pairs.difference < -margin:
        told += (
            f"; {formats.size_in_points(margin)} are allowed, but with fewer than"
            f" {config.min_support} test images that may be chance and is not counted."
        )
    else:
        told += f"; a loss of {formats.size_in_points(margin)} is allowed."
    figures = _figures(pairs, judgement, margin, compared)
    return decision.Check(part.check, judgement.verdict, told, {**part.figures, **figures})


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
