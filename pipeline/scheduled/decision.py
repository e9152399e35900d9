"""Decides whether to train, and why: a pure function of the known facts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from data import formats
from pipeline.scheduled import config as retrain_config

Kind = Literal[
    "first", "new_images", "new_fraction", "new_class", "drift", "age", "confidence", "retry",
    "nothing_new", "too_few", "unusable", "waiting", "no_images",
]  # fmt: skip
RUNS = frozenset(
    {"first", "new_images", "new_fraction", "new_class", "drift", "age", "confidence", "retry"}
)


@dataclass(frozen=True)
class Facts:
    """The facts of a decision.

    Attributes:
      images: number of files that would be trained on.
      known: number of files of the last finished run; None before the first.
      new: number of files that it did not have, or had otherwise.
      readable: the share of a sample of them that could be decoded, in 0–1.
      new_spans: spans that it did not have.
      incomplete_spans: spans that lack their ``_SUCCESS``.
      new_classes: classes that it did not have.
      drifts: what drifted, each as a phrase that continues "the new images: …".
      age_days: age of the served model; None if none is served.
      score, score_count: mean of the served model's recent scores; None if unknown.
      score_reference: mean on the test split of that model.
      failed: how many runs of these images with these settings failed.
      failed_code: exit code of the last of those runs.
      failed_message: message of the last of those runs.
      interrupted: the reason of a run that was interrupted; None if there was none.
    """

    images: int
    known: int | None = None
    new: int = 0
    readable: float = 1.0
    new_spans: tuple[int, ...] = ()
    incomplete_spans: tuple[int, ...] = ()
    new_classes: tuple[str, ...] = ()
    drifts: tuple[str, ...] = ()
    age_days: float | None = None
    score: float | None = None
    score_count: int = 0
    score_reference: float | None = None
    failed: int = 0
    failed_code: int = 0
    failed_message: str = ""
    interrupted: str | None = None

    @property
    def usable(self) -> int:
        """Estimates how many of the new files are images."""
        return round(self.new * self.readable)


@dataclass(frozen=True)
class Decision:
    """A decision whether to train.

    Attributes:
      kind: the kind of the reason.
      reason: a sentence without a full stop.
      others: further reasons, sentences without a full stop.
    """

    kind: Kind
    reason: str
    others: tuple[str, ...] = field(default=())

    @property
    def run(self) -> bool:
        """Returns whether to train."""
        return self.kind in RUNS


def decide(facts: Facts, triggers: retrain_config.TriggerConfig, attempts: int) -> Decision:
    """Decides whether to train.

    Without a new image there is never a run: training would give the same model. So age and
    confidence are reasons only if there is something new to learn from.

    Args:
      facts: the known facts.
      triggers: the settings of the triggers.
      attempts: how often a run of the same images may fail.
    """
    if not facts.images:
        waits = _waiting(facts.incomplete_spans)
        return Decision("no_images", f"There is no image yet{waits}")
    stopped = _stopped(facts, attempts)
    if stopped:
        return stopped
    if facts.interrupted is not None:
        return Decision("retry", f"A run was interrupted; its reason was: {facts.interrupted}")
    if facts.known is not None and not facts.new:
        return _nothing_new(facts, triggers)
    if not facts.usable:
        return Decision("unusable", _new(facts))
    if facts.failed:
        count = f"{facts.failed} of {attempts} attempts failed"
        return Decision("retry", f"{count}; tried again")
    if facts.known is None:
        return Decision("first", f"No run has finished yet; there {_are(facts.images)}")
    found = list(_reasons(facts, triggers))
    if found:
        (kind, reason), rest = found[0], found[1:]
        return Decision(kind, reason, tuple(other for _, other in rest))
    needed = [f"{triggers.new_images:,}"] if triggers.new_images else []
    if triggers.new_fraction:
        needed.append(f"{triggers.new_fraction:.0%} of {facts.known:,}")
    bounds = f"; {' or '.join(needed)} would be needed" if needed else ""
    return Decision("too_few", f"{_new(facts)}{bounds}{_waiting(facts.incomplete_spans)}")


def _stopped(facts: Facts, attempts: int) -> Decision | None:
    """Returns why the same images are not tried again."""
    if facts.failed and facts.failed_code == 2:
        return Decision(
            "waiting",
            "The last run could not use these images or settings; waiting for a change:"
            f" {facts.failed_message}",
        )
    if facts.failed >= attempts:
        return Decision(
            "waiting",
            f"{facts.failed} runs of these images failed; waiting for a change:"
            f" {facts.failed_message}",
        )
    return None


def _nothing_new(facts: Facts, triggers: retrain_config.TriggerConfig) -> Decision:
    reason = f"Nothing new: {facts.images:,} images, all of which the last run had"
    notes = tuple(note for _, note in _served(facts, triggers))
    return Decision("nothing_new", reason + _waiting(facts.incomplete_spans), notes)


def _reasons(facts: Facts, triggers: retrain_config.TriggerConfig) -> Iterator[tuple[Kind, str]]:
    """Yields all triggers that fire, the most informative first; there are new images."""
    if triggers.new_class and facts.new_classes:
        named = ", ".join(map(repr, facts.new_classes))
        yield "new_class", f"{_new(facts)}, with the new class {named}"
    for drift in facts.drifts:
        yield "drift", f"{_new(facts)}: {drift}"
    if triggers.new_images and facts.usable >= triggers.new_images:
        yield "new_images", f"{_new(facts)}; {triggers.new_images:,} are enough"
    if triggers.new_fraction and facts.known:
        share = facts.usable / facts.known
        if share >= triggers.new_fraction:
            yield (
                "new_fraction",
                f"{_new(facts)}, {share:.0%} of those of the last run;"
                f" {triggers.new_fraction:.0%} are enough",
            )
    yield from _served(facts, triggers)


def _served(facts: Facts, triggers: retrain_config.TriggerConfig) -> Iterator[tuple[Kind, str]]:
    """Yields the reasons that concern the served model itself."""
    if triggers.max_age_days and (facts.age_days or 0) >= triggers.max_age_days:
        yield (
            "age",
            f"The served model is {facts.age_days:.0f} days old;"
            f" {triggers.max_age_days:g} are allowed",
        )
    bounds = triggers.confidence
    if facts.score is None or facts.score_reference is None:
        return
    drop = facts.score_reference - facts.score
    if facts.score_count >= bounds.min_count and drop > bounds.max_drop:
        yield (
            "confidence",
            f"The served model's mean score fell to {formats.percent(facts.score)} over {facts.score_count:,}"
            f" answers, from {formats.percent(facts.score_reference)} on its test images;"
            f" {100 * bounds.max_drop:g} points are allowed",
        )


def _new(facts: Facts) -> str:
    count = f"{facts.new:,} new image{'' if facts.new == 1 else 's'}"
    if facts.new_spans:
        named = ", ".join(map(str, facts.new_spans[:5]))
        named += " …" if len(facts.new_spans) > 5 else ""
        count += f" in span{'' if len(facts.new_spans) == 1 else 's'} {named}"
    if not facts.usable:
        return f"{count}, of which none can be read"
    return count if facts.readable == 1 else f"{count}, of which {facts.readable:.0%} can be read"


def _are(images: int) -> str:
    return "is 1 image" if images == 1 else f"are {images:,} images"


def _waiting(spans: tuple[int, ...]) -> str:
    if not spans:
        return ""
    named = ", ".join(map(str, spans[:5]))
    return f"; span{'' if len(spans) == 1 else 's'} {named} {'has' if len(spans) == 1 else 'have'} no _SUCCESS yet"
