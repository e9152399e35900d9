"""Checks of the images that only multilabel has: labels that cannot be learned or told apart."""

import collections
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, Field

from data import formats
from tasks import checking

# Pictures on the page of findings for each pair of labels.
MAX_CASES = 4
# With fewer images, two labels may always meet by chance.
MIN_TOGETHER = 5


class Settings(BaseModel):
    """Severities of the checks."""

    missing_labels: checking.SetSeverity = Field(
        "warn",
        description="labels without a training image, where images have any number of labels",
    )
    one_split_labels: checking.SetSeverity = Field(
        "warn", description="labels of one split only, where images have any number of labels"
    )
    inseparable_labels: checking.SetSeverity = Field(
        "warn", description="labels that always occur together on an image"
    )
    unlabelled: checking.SetSeverity = Field(
        "warn", description="too many images without any label, where that is allowed"
    )
    max_unlabelled_fraction: float = Field(
        0.5,
        ge=0,
        le=1,
        description="maximum share of images without any label, where that is allowed",
    )


def missing_labels(data: checking.Checked) -> Iterator[checking.Found]:
    """Reports labels without a training image: the model cannot learn them."""
    trained = data.report.examples.get("train", {})
    missing = [name for name in data.labels if not trained.get(name)]
    if missing:
        yield checking.Found(
            f"No training image has {_named(missing)}: the model cannot learn"
            f" {'it' if len(missing) == 1 else 'them'}."
        )


def one_split_labels(data: checking.Checked) -> Iterator[checking.Found]:
    """Reports labels whose images are all in one split: no metric of theirs means anything."""
    for name in data.labels:
        splits = [split for split, counts in data.report.examples.items() if counts.get(name)]
        if len(splits) == 1:
            yield checking.Found(
                f"All images with {name!r} are in the {splits[0]} split.",
                [
                    checking.Case((index,))
                    for index, image in enumerate(data.images)
                    if name in image.labels
                ],
            )


def inseparable_labels(data: checking.Checked) -> Iterator[checking.Found]:
    """Reports labels that always occur together: no image tells the model their difference."""
    images: dict[str, list[int]] = collections.defaultdict(list)
    for index, image in enumerate(data.images):
        for name in image.labels:
            images[name].append(index)
    alike: dict[tuple[int, ...], list[str]] = collections.defaultdict(list)
    for name in data.labels:
        if len(images[name]) >= MIN_TOGETHER:
            alike[tuple(images[name])].append(name)
    for places, names in alike.items():
        if len(names) > 1:
            yield checking.Found(
                f"{_named(names)} always occur together, in"
                f" {formats.plural(len(places), 'image')}: the model cannot tell them apart.",
                [checking.Case((index,)) for index in places[:MAX_CASES]],
            )


def unlabelled(data: checking.Checked) -> Iterator[checking.Found]:
    """Reports too large a share of images without any label: they may be not annotated at all."""
    bare = [index for index, image in enumerate(data.images) if not image.labels]
    allowed: Any = data.config.max_unlabelled_fraction
    if len(bare) > allowed * len(data.images):
        yield checking.Found(
            f"{len(bare):,} of {len(data.images):,} images"
            f" ({formats.percent(len(bare) / len(data.images), 0)}) have no label;"
            f" {formats.percent(allowed, 0)} are allowed. They are trained as images without any"
            " of the labels.",
            [checking.Case((index,)) for index in bare[:MAX_CASES]],
        )


def _named(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


CHECKS = checking.Checks(
    (missing_labels, one_split_labels, inseparable_labels, unlabelled), Settings
)
