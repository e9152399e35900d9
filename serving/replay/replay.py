"""Compares two versions on the same recorded images, before one replaces the other.

Both are loaded into this process, and each image is sent on its own to both, in alternating order,
so that other load on the machine affects both alike. Classes are compared by name, since a label
map may have grown. Dimension letters: N images, K classes.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from serving import errors
from serving.client import in_process, predicted
from serving.replay import recording
from serving.versions import versions

_WARM_UP = 3
# The latency in seconds, and the prediction.
_Timed = tuple[float, predicted.Prediction]


@dataclass(frozen=True)
class Change:
    """An image that the versions answer differently.

    Attributes:
      image: its name.
      labels: each version's label, or several in one text; empty if it cannot read the image.
      scores: each version's score, in 0–1.
    """

    image: str
    labels: tuple[str, str]
    scores: tuple[float, float]


@dataclass(frozen=True)
class Largest:
    """The largest change of a class's probability, in 0–1, with its image and label."""

    change: float = 0.0
    image: str = ""
    label: str = ""


@dataclass
class Replay:
    """The results of a replay; of each pair the first is the old version, the second the new one.

    Attributes:
      names: the versions' names.
      labels: the class names of each version.
      images: the number of images compared.
      neither: the number of images that neither version can read.
      label_changes: images that both can read with different labels; highest scores first.
      newly_invalid: images that only the second cannot read, or answers with NaN.
      newly_valid: images that only the first cannot read.
      outlier_changes: image → each version's outlier flag, if they differ.
      mean_change: mean change of the probabilities of common classes, in 0–1, over the images
        that both can read.
      largest: the largest of these changes.
      latencies_s: each version's latencies of N requests with one image each.
      unreadable: recorded images that could not be read, and why.
    """

    names: tuple[str, str]
    labels: tuple[list[str], list[str]]
    images: int = 0
    neither: int = 0
    label_changes: list[Change] = field(default_factory=list)
    newly_invalid: list[str] = field(default_factory=list)
    newly_valid: list[str] = field(default_factory=list)
    outlier_changes: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    mean_change: float = 0.0
    largest: Largest = field(default_factory=Largest)
    latencies_s: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    unreadable: list[recording.Unreadable] = field(default_factory=list)

    @property
    def readable(self) -> int:
        """Returns the number of images that at least one version can read."""
        return self.images - self.neither

    @property
    def disagreements(self) -> int:
        """Returns the number of images with different labels, or that only one version can read."""
        return len(self.label_changes) + len(self.newly_invalid) + len(self.newly_valid)

    @property
    def fraction(self) -> float:
        """Returns the fraction of readable images with a disagreement, in 0–1."""
        return self.disagreements / self.readable

    def percentiles_ms(self, which: int) -> tuple[float, float]:
        """Returns the median and the 99th percentile of a version's latency in milliseconds."""
        p50, p99 = np.percentile(self.latencies_s[which], [50, 99])
        return 1e3 * float(p50), 1e3 * float(p99)


def choose(model_dir: Path, first: str | None, second: str | None) -> tuple[Path, Path]:
    """Returns the folders of the two versions to compare.

    Args:
      model_dir: the model's folder.
      first: a version's number, or a folder with a SavedModel; None: the served version, or the
        newest other one if the second is the served version.
      second: a version's number, or a folder with a SavedModel; None: the newest that is not the
        first.

    Raises:
      errors.UserError: there is no such version, or the two are the same.
    """
    current = versions.served(model_dir).path
    old = current if first is None else _folder(model_dir, first)
    new = _newest_but(model_dir, old) if second is None else _folder(model_dir, second)
    if first is None and old.resolve() == new.resolve():
        old = _newest_but(model_dir, new)
    if old.resolve() == new.resolve():
        raise errors.UserError(f"--from and --to are both {old}; a replay compares two versions.")
    return old, new


def run(
    first: in_process.Model,
    second: in_process.Model,
    recorded: Iterable[recording.Recorded],
    unreadable: Sequence[recording.Unreadable] = (),
) -> Replay:
    """Sends every image to both versions and compares their predictions.

    Args:
      first: the version to be replaced.
      second: the new version.
      recorded: the images.
      unreadable: entries already known to be unreadable, to be reported.

    Raises:
      errors.UserError: neither version can read any image, or a version is not a classifier.
    """
    labels = (first.labels(), second.labels())
    found = Replay((first.name, second.name), labels, unreadable=list(unreadable))
    changes: list[float] = []
    asked = (first.predict, second.predict)
    for one in recorded:
        try:
            image = one.read()
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            found.unreadable.append(recording.Unreadable(one.name, reason))
            continue
        if not found.images:
            for predict in asked * _WARM_UP:
                predict([image])
        answers = _ask(asked, image, found.images % 2)
        for latencies, (seconds, _) in zip(found.latencies_s, answers, strict=True):
            latencies.append(seconds)
        changes += _compare(found, one.name, answers[0][1], answers[1][1])
        found.images += 1
    if not found.images:
        first_one = found.unreadable[0]
        raise errors.UserError(
            f"None of {len(found.unreadable)} recorded images can be read; {first_one.name}:"
            f" {first_one.reason}."
        )
    if not found.readable:
        raise errors.UserError(f"Neither version can read any of the {found.images} images.")
    found.mean_change = float(np.mean(changes)) if changes else 0.0
    found.label_changes.sort(key=lambda one: (-min(one.scores), one.image))
    return found


def _folder(model_dir: Path, given: str) -> Path:
    if given.isdecimal():
        return versions.find(model_dir, int(given)).path
    return Path(given)


def _newest_but(model_dir: Path, other: Path) -> Path:
    whole = [one for one in versions.listed(model_dir) if one.whole]
    rest = [one.path for one in whole if one.path.resolve() != other.resolve()]
    if not rest:
        raise errors.UserError(
            f"{model_dir} has no version but {other.name}; name a folder with a SavedModel by --to."
        )
    return rest[-1]


def _ask(
    asked: Sequence[Callable[[Sequence[bytes]], list[predicted.Prediction]]],
    image: bytes,
    first: int,
) -> list[_Timed]:
    """Sends an image to both versions, ``first`` first; returns the answers in version order."""
    answers: dict[int, _Timed] = {}
    for which in (first, 1 - first):
        start = time.perf_counter()
        [prediction] = asked[which]([image])
        answers[which] = time.perf_counter() - start, prediction
    return [answers[0], answers[1]]


def _compare(
    found: Replay, name: str, old: predicted.Prediction, new: predicted.Prediction
) -> list[float]:
    """Records how the answers to an image differ; returns the changes of common probabilities."""
    answered = _answers(old), _answers(new)
    if not all(answered):
        if answered[1]:
            found.newly_valid.append(name)
        elif answered[0]:
            found.newly_invalid.append(name)
        else:
            found.neither += 1
        return []
    if set(old.labels) != set(new.labels):
        change = Change(name, (old.text, new.text), (old.score, new.score))
        found.label_changes.append(change)
    flags = bool(old.outputs.get("outlier")), bool(new.outputs.get("outlier"))
    if flags[0] != flags[1]:
        found.outlier_changes[name] = flags
    before, after = _by_name(found.labels[0], old), _by_name(found.labels[1], new)
    apart = {label: abs(after[label] - before[label]) for label in before if label in after}
    if apart:
        label = max(apart, key=lambda one: apart[one])
        if apart[label] > found.largest.change:
            found.largest = Largest(apart[label], name, label)
    return list(apart.values())


def _answers(prediction: predicted.Prediction) -> bool:
    """Returns whether an answer can be used: NaN counts as not valid."""
    return prediction.valid and math.isfinite(prediction.score)


def _by_name(labels: Sequence[str], prediction: predicted.Prediction) -> dict[str, float]:
    values = prediction.probabilities.tolist()
    if len(values) != len(labels):
        raise errors.UserError(
            f"{prediction.version} answers {len(values)} probabilities; its contract has"
            f" {len(labels)} labels."
        )
    return dict(zip(labels, values, strict=True))
