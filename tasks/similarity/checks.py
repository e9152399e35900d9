"""Checks of the images that only the search has: classes that cannot be found, queries in the gallery."""

import collections
from collections.abc import Iterator

from pydantic import BaseModel, Field

from data import formats
from tasks import checking

MAX_NAMED = 10


class Settings(BaseModel):
    """Severities of the checks."""

    single_image_classes: checking.SetSeverity = Field(
        "warn", description="classes with a single image, where images are searched for"
    )
    unsearchable_classes: checking.SetSeverity = Field(
        "warn",
        description="classes with test images and no train image, where images are searched for",
    )


def single_image_classes(data: checking.Checked) -> Iterator[checking.Found]:
    """Reports classes of one image: it has no other to be found by."""
    places: dict[str, list[int]] = collections.defaultdict(list)
    for index, image in enumerate(data.images):
        for name in image.labels:
            places[name].append(index)
    alone = sorted(name for name, of_class in places.items() if len(of_class) == 1)
    if alone:
        yield checking.Found(
            f"{formats.plural(len(alone), 'class', 'classes')} of {len(places):,}"
            f" {'has' if len(alone) == 1 else 'have'} a single image, which no other can be found by:"
            f" {_named(alone)}.",
            [checking.Case((places[name][0],), name) for name in alone],
        )


def unsearchable_classes(data: checking.Checked) -> Iterator[checking.Found]:
    """Reports classes with test images and without a train image: every query of theirs fails."""
    parts = data.report.examples
    trained = {name for name, count in parts.get("train", {}).items() if count}
    missing = [
        name for name, count in parts.get("test", {}).items() if count and name not in trained
    ]
    if missing:
        yield checking.Found(
            f"{formats.plural(len(missing), 'class', 'classes')} with test images"
            f" {'has' if len(missing) == 1 else 'have'} no image in the gallery, which is the train"
            f" split; their queries count as failed: {_named(sorted(missing))}."
        )


def _named(names: list[str]) -> str:
    more = len(names) - MAX_NAMED
    shown = ", ".join(map(repr, names[:MAX_NAMED]))
    return f"{shown} and {more} more" if more > 0 else shown


CHECKS = checking.Checks((single_image_classes, unsearchable_classes), Settings)
