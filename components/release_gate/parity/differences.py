"""Compares the answers of all stages with the first one's, and words what differs.

Dimension letters: N images, K classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from components.release_gate.parity import parity_images, probe
from tasks import task
from tasks.facets import judging

MAX_NAMED = 8


@dataclass(frozen=True)
class Difference:
    """A difference between a stage and the training graph.

    Attributes:
      image: the parity image's name.
      stage: the stage's name.
      largest: the largest difference of a probability, in 0–1; infinite where one is not a number.
      valid: whether the training graph and this stage could read the image.
    """

    image: str
    stage: str
    largest: float
    valid: tuple[bool, bool]


@dataclass
class Parity:
    """The result of the parity check.

    Attributes:
      problems: the reasons not to push the model, one sentence each; none where all agree.
      left_out: the stages that did not run and why, one sentence each.
      differences: every image and stage that differ.
      largest: stage → its largest difference over all images, in 0–1.
      images: the number of parity images.
      measured: the model's costs; None where it did not answer.
    """

    problems: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)
    images: int = 0
    measured: probe.Measured | None = None

    @property
    def ok(self) -> bool:
        """Returns true where every stage that ran agrees."""
        return not self.problems


def judge(
    found: Parity,
    images: Sequence[parity_images.ParityImage],
    stages: Sequence[probe.Stage],
    task_name: str,
    contract: Mapping[str, Any],
    tolerance: float,
) -> None:
    """Adds the differences among stages to ``found``; the contract has the K expected labels."""
    first, labels = stages[0], contract["labels"]
    compared = task.load(task_name).compare
    width = first.values.shape[1]
    if width != compared.width(contract):
        found.problems.append(
            f"{_capital(first.name)} gives {width} {_words(compared)} for an image; with"
            f" {len(labels)} labels there must be {compared.width(contract)}."
        )
        return
    comparable = []
    for stage in stages[1:]:
        if stage.values.shape == first.values.shape:
            comparable.append(stage)
            found.largest[stage.name] = float(
                compared.distances(first.values, stage.values).max(initial=0.0)
            )
        else:
            found.problems.append(
                f"{_capital(stage.name)} returns {list(stage.values.shape)}"
                f" {_words(compared)}, {first.name} {list(first.values.shape)}."
            )
    found.differences += compare(images, [first, *comparable], tolerance, compared)
    for stage in comparable:
        own = [one for one in found.differences if one.stage == stage.name]
        found.problems += _sentences(own, len(images), first.name, tolerance)
        found.problems += _misnamed(images, stage, task_name, contract)


def compare(
    images: Sequence[parity_images.ParityImage],
    stages: Sequence[probe.Stage],
    tolerance: float,
    compared: judging.Compare,
) -> list[Difference]:
    """Compares every stage with the first, image by image; all have the same N and n."""
    first = stages[0]
    found = []
    for stage in stages[1:]:
        distances = compared.distances(first.values, stage.values)
        differs = (distances > tolerance) | (first.valid != stage.valid)
        for index in np.flatnonzero(differs):
            flags = (bool(first.valid[index]), bool(stage.valid[index]))
            name = images[index].name
            found.append(Difference(name, stage.name, float(distances[index]), flags))
    return found


def _sentences(
    differences: Sequence[Difference], count: int, first: str, tolerance: float
) -> list[str]:
    """Returns the problems of one stage as sentences."""
    sentences = []
    read_alike = [one for one in differences if one.valid[0] == one.valid[1]]
    if read_alike:
        worst = max(read_alike, key=lambda one: one.largest)
        others = _named([one.image for one in read_alike if one is not worst])
        also = f", and on {len(read_alike) - 1} more of {count}: {others}" if others else ""
        sentences.append(
            f"{_capital(worst.stage)} differs from {first} by {worst.largest:.2g} on"
            f" {worst.image!r} (at most {tolerance:g} is allowed){also}."
        )
    for trained, verb in ((True, "cannot read"), (False, "reads")):
        unlike = [one for one in differences if one.valid == (trained, not trained)]
        if unlike:
            names = _named([one.image for one in unlike])
            ability = "can" if trained else "cannot"
            sentences.append(
                f"{_capital(unlike[0].stage)} {verb} {names}, which {first} {ability}."
            )
    return sentences


def _misnamed(
    images: Sequence[parity_images.ParityImage],
    stage: probe.Stage,
    task_name: str,
    contract: Mapping[str, Any],
) -> list[str]:
    """Checks that a stage names what its own probabilities say."""
    if stage.labels is None:
        return []
    expected_names = task.load(task_name).compare.names(stage.values, stage.valid, contract)
    wrong = [
        (image.name, label, expected)
        for image, label, expected in zip(images, stage.labels, expected_names, strict=True)
        if label != expected
    ]
    if not wrong:
        return []
    name, label, expected = wrong[0]
    return [
        f"{_capital(stage.name)} returns the label {label!r} for {name!r}; by its own probabilities"
        f" it is {expected!r} ({len(wrong)} of {len(images)} images)."
    ]


def _named(names: Sequence[str]) -> str:
    more = len(names) - MAX_NAMED
    shown = ", ".join(repr(name) for name in names[:MAX_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown


def _words(compared: judging.Compare) -> str:
    return compared.output.replace("_", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
