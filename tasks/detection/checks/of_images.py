"""Checks of the boxes within each image.

Dimension letters: M objects of an image.
"""

from collections.abc import Callable, Iterator

import numpy as np

from data.boxes import resolve
from tasks import checking
from tasks.boxes import geometry
from tasks.checking import Case, Found
from tasks.detection.checks import annotations
from tasks.detection.checks.settings import MAX_OBJECTS

_SAME_IOU = 0.95
Test = Callable[[resolve.Annotation], np.ndarray]


def repeated_boxes(context: checking.Checked) -> Iterator[Found]:
    """Reports boxes that an image has twice with the same class."""
    yield from _each(
        context, lambda found: _doubles(found, same_class=True), "have the same box twice"
    )


def boxes_with_two_classes(context: checking.Checked) -> Iterator[Found]:
    """Reports boxes that an image has twice with different classes."""
    yield from _each(
        context, lambda found: _doubles(found, same_class=False), "have one box with two classes"
    )


def boxes_of_whole_image(context: checking.Checked) -> Iterator[Found]:
    """Reports boxes that cover almost the whole image."""
    limit = context.config.max_box_area_share
    yield from _each(
        context,
        lambda found: geometry.areas(found.boxes) > limit,
        f"have a box that covers more than {limit:g} of the image",
    )


def tiny_boxes(context: checking.Checked) -> Iterator[Found]:
    """Reports boxes of which little is left when the image is resized."""
    limit = context.config.min_box_side_share
    yield from _each(
        context,
        lambda found: (found.boxes[:, 2:] - found.boxes[:, :2]).min(axis=1, initial=1) < limit,
        f"have a box with a side below {limit:g} of the image's",
    )


def crowded_boxes(context: checking.Checked) -> Iterator[Found]:
    """Reports objects of one class whose centres fall into one cell of the head."""
    limit = context.config.centre_share

    def collides(found: resolve.Annotation) -> np.ndarray:
        centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
        apart = np.abs(centres[:, None] - centres[None]).max(axis=2)
        near = (apart < limit) & _same_class(found) & ~_is_double(found)
        return np.triu(near, 1).any(axis=1)

    yield from _each(context, collides, f"have centres of one class closer than {limit:g}")


def many_objects(context: checking.Checked) -> Iterator[Found]:
    """Reports images with more objects than are learnt."""
    yield from _each(
        context,
        lambda found: np.arange(len(found)) >= MAX_OBJECTS,
        f"have more than {MAX_OBJECTS} objects, of which the first are learnt",
    )


def _each(context: checking.Checked, test: Test, words: str) -> Iterator[Found]:
    """Reports the images that have an object for which a test is true."""
    cases = []
    for index, found in enumerate(annotations.of(context)):
        wrong = np.flatnonzero(test(found)) if len(found) else np.zeros(0, int)
        if len(wrong):
            first = int(wrong[0])
            box = ", ".join(f"{value:.3f}" for value in found.boxes[first])
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            cases.append(Case((index,), f"{found.labels[first]!r} at {box}{more}"))
    if cases:
        images = [case.images[0] for case in cases]
        yield Found(f"{len(cases):,} images {words}.", cases, images)


def _same_class(found: resolve.Annotation) -> np.ndarray:
    labels = np.array(found.labels, object)
    return labels[:, None] == labels[None]  # type: ignore[no-any-return]


def _is_double(found: resolve.Annotation) -> np.ndarray:
    return geometry.iou(found.boxes, found.boxes) >= _SAME_IOU


def _doubles(found: resolve.Annotation, same_class: bool) -> np.ndarray:
    alike = _is_double(found) & (_same_class(found) == same_class)
    return np.triu(alike, 1).any(axis=1)
