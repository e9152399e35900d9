"""Checks of the whole set: its classes, its label map, its schema, its unusable files."""

from collections import Counter
from collections.abc import Iterator

from components.image_validator import context as validate_context
from data import formats
from data.corrections import applying

Found = validate_context.Found
Context = validate_context.Context


def schema_anomalies(context: Context) -> Iterator[Found]:
    """Reports the anomalies of ExampleValidator."""
    for row in context.anomalies:
        yield Found(f"{row.feature} in the {row.split} split: {row.description}")


def quarantined(context: Context) -> Iterator[Found]:
    """Reports too large a share of unusable files."""
    bad = len(context.report.quarantined)
    total = sum(context.report.counts().values()) + bad
    allowed = context.config.max_quarantined_fraction
    if bad > allowed * total:
        yield Found(
            f"{bad:,} of {total:,} files ({bad / total:.0%}) are in quarantine;"
            f" {allowed:.0%} are allowed."
        )


def small_classes(context: Context) -> Iterator[Found]:
    """Reports classes with few training images."""
    for name, count in _trained(context).items():
        if count < context.config.min_train_images:
            yield Found(
                f"Class {name!r} has {count} images to train on;"
                f" {context.config.min_train_images} are enough."
            )


def untested_classes(context: Context) -> Iterator[Found]:
    """Reports classes without a test image, which no metric covers."""
    tested = context.report.examples.get("test", {})
    for name in _trained(context):
        if not tested.get(name):
            yield Found(f"Class {name!r} has no image in the test split.")


def look_alikes(context: Context) -> Iterator[Found]:
    """Reports sets with so many similar images that near-duplicates cannot be distinguished."""
    used, wanted = context.report.duplicate_distance, context.report.max_duplicate_distance
    if used < wanted:
        yield Found(
            f"More than a third of a class would count as near-duplicates of each other at {wanted}"
            f" bits, so {used} are used. If they are frames of one video or views of one object,"
            " group them by ingest.split.group-pattern."
        )


def stale_corrections(context: Context) -> Iterator[Found]:
    """Reports corrections that were not applied: their image is gone, or has other labels now."""
    idle = context.report.corrections.idle
    texts = {
        applying.Unmatched.NO_SUCH_IMAGE: "no file has the contents that the decision is about",
        applying.Unmatched.OTHER_LABELS: "the image has other labels than when it was decided about",
    }
    for reason, count in Counter(one.reason for one in idle).most_common():
        first = next(one.path for one in idle if one.reason is reason)
        yield Found(
            f"{formats.plural(count, 'correction')} no longer match{'es' * (count == 1)}, such as that"
            f" of {first}: {texts[reason]}."
        )


def value_range(context: Context) -> Iterator[Found]:
    """Reports scaling of images of more than 8 bits that is a guess or clips values."""
    for scaled in context.report.scaled:
        if scaled.is_guessed or scaled.clipped:
            yield Found(scaled.sentence())


def class_imbalance(context: Context) -> Iterator[Found]:
    """Reports too large a ratio between the largest and the smallest class."""
    counts = _trained(context)
    if len(counts) < 2:
        return
    largest = max(counts, key=lambda name: counts[name])
    smallest = min(counts, key=lambda name: counts[name])
    if counts[largest] > context.config.max_imbalance * counts[smallest]:
        yield Found(
            f"Class {largest!r} has {counts[largest]:,} images to train on, {smallest!r} has"
            f" {counts[smallest]:,}; a factor of {context.config.max_imbalance:g} is allowed."
        )


def label_map(context: Context) -> Iterator[Found]:
    """Reports new classes, and classes that have no image any more, since the last run."""
    if not context.known_labels or context.report.is_unlabelled:
        return
    new = [name for name in context.labels if name not in context.known_labels]
    present = {name for counts in context.report.examples.values() for name in counts}
    gone = [name for name in context.known_labels if name not in present]
    if new:
        yield Found(f"New since the last run: {_named(new)}; the label map grows at its end.")
    if gone:
        yield Found(
            f"Without any image now: {_named(gone)}; the label map keeps the names, and the model"
            " keeps an output for each."
        )


def _trained(context: Context) -> dict[str, int]:
    """Counts the training images of each class that has any, in the order of the label map."""
    counts = context.report.examples.get("train", {})
    return {name: counts[name] for name in context.labels if counts.get(name)}


def _named(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
