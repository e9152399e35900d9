"""Two versions asked about the same recorded images, before one takes the other's place.

Both are loaded into this process, and each image is sent alone to the one and then to the other,
turn about who is first: what slows the machine slows both. Classes are compared by name, for a
label map may have grown. Dimension letters: N images, K classes.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from serving import errors
from serving.client import in_process
from serving.gateway import classification
from serving.replay import recording
from serving.versions import versions

_WARM_UP = 3
# What a prediction takes, and what it is: seconds and the answer.
_Timed = tuple[float, classification.Prediction]


@dataclass(frozen=True)
class Change:
    """An image that the versions answer differently.

    Attributes:
      image: its name.
      labels: what each version says; empty where it cannot read the image.
      scores: how sure each is, in 0–1.
    """

    image: str
    labels: tuple[str, str]
    scores: tuple[float, float]


@dataclass(frozen=True)
class Largest:
    """The largest change of a class's probability, in 0–1, and where it is; nothing where 0."""

    change: float = 0.0
    image: str = ""
    label: str = ""


@dataclass
class Replay:
    """What was found; of each pair the first is the version replaced, the second the new one.

    Attributes:
      names: of the versions.
      labels: names of the classes of each.
      images: how many were asked about.
      neither: how many of them neither version can read.
      label_changes: both can read it, and the labels differ; the surest first.
      newly_invalid: images that the second alone cannot read, or answers with no number.
      newly_valid: images that the first alone cannot read.
      outlier_changes: image → whether each version calls it an outlier, where they differ.
      mean_change: of the probabilities of common classes, in 0–1, over what both can read.
      largest: the largest of these changes.
      latencies_s: of each version, N requests of one image.
      unreadable: what was recorded and could not be read, and why.
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
        """Images that at least one version can read."""
        return self.images - self.neither

    @property
    def disagreements(self) -> int:
        """Images with another label, or that only one version can read."""
        return len(self.label_changes) + len(self.newly_invalid) + len(self.newly_valid)

    @property
    def fraction(self) -> float:
        """Disagreements of the readable images, in 0–1."""
        return self.disagreements / self.readable

    def percentiles_ms(self, which: int) -> tuple[float, float]:
        """Median and 99th percentile of a version's latency in milliseconds."""
        p50, p99 = np.percentile(self.latencies_s[which], [50, 99])
        return 1e3 * float(p50), 1e3 * float(p99)


def choose(model_dir: Path, first: str | None, second: str | None) -> tuple[Path, Path]:
    """The folders of the two versions.

    Args:
      model_dir: the model's folder.
      first: a version's number, or a folder with a SavedModel; None: the version served, or the
        newest other one where that is the second.
      second: likewise; None: the newest that is not the first.

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
    """Asks both about every image and compares.

    Args:
      first: the version to be replaced.
      second: the one to take its place.
      recorded: the images.
      unreadable: what is known to be none, to be told of.

    Raises:
      errors.UserError: no image can be read by either, or a version is no classifier.
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
    asked: Sequence[Callable[[Sequence[bytes]], list[classification.Prediction]]],
    image: bytes,
    first: int,
) -> list[_Timed]:
    """Both versions' answers in their order, whoever is asked first."""
    answers: dict[int, _Timed] = {}
    for which in (first, 1 - first):
        start = time.perf_counter()
        [prediction] = asked[which]([image])
        answers[which] = time.perf_counter() - start, prediction
    return [answers[0], answers[1]]


def _compare(
    found: Replay, name: str, old: classification.Prediction, new: classification.Prediction
) -> list[float]:
    """Notes how the answers to an image differ; returns how far its common probabilities are."""
    answered = _answers(old), _answers(new)
    if not all(answered):
        if answered[1]:
            found.newly_valid.append(name)
        elif answered[0]:
            found.newly_invalid.append(name)
        else:
            found.neither += 1
        return []
    if old.label != new.label:
        change = Change(name, (old.label, new.label), (old.score, new.score))
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


def _answers(prediction: classification.Prediction) -> bool:
    """Whether an answer can be used: no number is as bad as no image."""
    return prediction.valid and math.isfinite(prediction.score)


def _by_name(labels: Sequence[str], prediction: classification.Prediction) -> dict[str, float]:
    values = prediction.probabilities.tolist()
    if len(values) != len(labels):
        raise errors.UserError(
            f"{prediction.version} answers {len(values)} probabilities; its contract has"
            f" {len(labels)} labels."
        )
    return dict(zip(labels, values, strict=True))
