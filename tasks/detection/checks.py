"""Checks of the boxes of images, beside the checks that every task has.

What a file alone tells (inverted, empty or outside boxes, wrong sizes) ingest has listed; here it
is told with pictures, together with what only the boxes of many images tell.

Dimension letters: M objects of an image.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pydantic
from pydantic import ConfigDict, Field

from data.boxes import resolve
from data.boxes.given import HARMLESS, Fault, Given
from tasks import checking
from tasks.boxes import geometry
from tasks.checking import Case, Found

_SIZES = frozenset({Fault.SIZE_ABSENT.value, Fault.SIZE_WRONG.value})
_NAMES = frozenset({Fault.OTHER_NAME.value})
_SAME_IOU = 0.95
MAX_OBJECTS = 100
Test = Callable[[resolve.Annotation], np.ndarray]


class Settings(pydantic.BaseModel):
    """Severities and limits of the checks of boxes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bad_boxes: checking.Severity = Field(
        "warn", description="boxes that are inverted, empty, outside, without a name or clipped"
    )
    box_size_tags: checking.Severity = Field(
        "warn", description="annotations whose size of the image is absent or wrong"
    )
    annotation_names: checking.Severity = Field(
        "warn", description="annotations that name another image than the one they belong to"
    )
    repeated_boxes: checking.Severity = Field("warn", description="the same box twice in an image")
    boxes_with_two_classes: checking.Severity = Field(
        "warn", description="one box with two classes in an image"
    )
    boxes_of_whole_image: checking.Severity = Field(
        "warn", description="boxes that cover almost the whole image"
    )
    tiny_boxes: checking.Severity = Field(
        "warn", description="boxes with a side below min_box_side_share"
    )
    crowded_boxes: checking.Severity = Field(
        "warn", description="images in which centres of one class are closer than centre_share"
    )
    many_objects: checking.Severity = Field(
        "warn", description=f"images with more objects than {MAX_OBJECTS}, the most that is learnt"
    )
    label_spellings: checking.SetSeverity = Field(
        "warn", description="labels that differ only in case, spaces or punctuation"
    )
    objects_by_split: checking.SetSeverity = Field(
        "warn", description="classes without an object in a split"
    )
    copies_with_other_boxes: checking.Severity = Field(
        "warn", description="copies of an image with different boxes"
    )
    min_box_side_share: float = Field(
        0.015, ge=0, le=1, description="shortest side of a box, as a share of the image's"
    )
    max_box_area_share: float = Field(
        0.98, gt=0, le=1, description="largest area of a box, as a share of the image's"
    )
    centre_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="least distance of two centres of one class, as a share of the image's side;"
        " closer ones fall into one cell of the head",
    )


def bad_boxes(context: checking.Checked) -> Iterator[Found]:
    """Reports boxes that ingest left out or clipped."""
    others = {fault.value for fault in Fault} - _SIZES - _NAMES
    yield from _faults(context, others)


def box_size_tags(context: checking.Checked) -> Iterator[Found]:
    """Reports annotations whose size of the image is absent or wrong; the pixels count."""
    yield from _faults(context, _SIZES)


def annotation_names(context: checking.Checked) -> Iterator[Found]:
    """Reports annotations that name another image."""
    yield from _faults(context, _NAMES)


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


def label_spellings(context: checking.Checked) -> Iterator[Found]:
    """Reports labels that differ only in case, spaces or punctuation."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in context.labels:
        alike["".join(filter(str.isalnum, name.casefold()))].append(name)
    for spellings in alike.values():
        if len(spellings) > 1:
            shown = ", ".join(map(repr, spellings))
            yield Found(f"The labels {shown} may be one: they differ only in their spelling.")


def objects_by_split(context: checking.Checked) -> Iterator[Found]:
    """Reports classes without an object in a split."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for image, found in zip(context.images, _annotations(context), strict=True):
        counts[image.split].update(found.labels)
    for split, present in sorted(counts.items()):
        absent = [name for name in context.labels if not present[name]]
        if absent:
            total = sum(present.values())
            yield Found(
                f"The {split} split, with {total:,} objects, has none of"
                f" {', '.join(map(repr, absent))}; its figures leave them out."
            )


def copies_with_other_boxes(context: checking.Checked) -> Iterator[Found]:
    """Reports copies of an image, byte for byte, that have different boxes."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(context.images):
        groups[image.sha256].append(index)
    cases, removable = [], []
    for group in groups.values():
        keys = [_key(context.images[index].boxes) for index in group]
        for index, key in zip(group[1:], keys[1:], strict=True):
            if key != keys[0]:
                splits = {context.images[one].split for one in (group[0], index)}
                where = f"in {' and '.join(sorted(splits))}"
                cases.append(Case((group[0], index), where))
                removable.append(index)
    if cases:
        yield Found(f"{len(cases)} copies of images have other boxes.", cases, removable)


CHECKS = checking.Checks(
    functions=(
        bad_boxes,
        box_size_tags,
        annotation_names,
        repeated_boxes,
        boxes_with_two_classes,
        boxes_of_whole_image,
        tiny_boxes,
        crowded_boxes,
        many_objects,
        label_spellings,
        objects_by_split,
        copies_with_other_boxes,
    ),
    settings=Settings,
)


def _faults(context: checking.Checked, wanted: set[str] | frozenset[str]) -> Iterator[Found]:
    places = {image.path: index for index, image in enumerate(context.images)}
    by_file = {Given.from_json(one.boxes).file: place for place, one in enumerate(context.images)}
    rows = defaultdict(list)
    for row in context.report.bad_boxes:
        if row.fault in wanted:
            rows[row.fault].append(row)
    for fault, found in sorted(rows.items(), key=lambda item: -len(item[1])):
        cases = []
        for row in found:
            place = places.get(row.image, by_file.get(row.file))
            if place is not None:
                at = " ".join(part for part in (row.file, row.place, row.detail) if part)
                cases.append(Case((place,), at))
        used = "is used all the same" if Fault(fault) in HARMLESS else "is left out"
        images = sorted({index for case in cases for index in case.images})
        words = fault.replace("_", " ")
        yield Found(
            f"{len(found):,} × {words} in annotations: what it is about {used}.", cases, images
        )


def _each(context: checking.Checked, test: Test, words: str) -> Iterator[Found]:
    """Reports the images that have an object for which a test is true."""
    cases = []
    for index, found in enumerate(_annotations(context)):
        wrong = np.flatnonzero(test(found)) if len(found) else np.zeros(0, int)
        if len(wrong):
            first = int(wrong[0])
            box = ", ".join(f"{value:.3f}" for value in found.boxes[first])
            more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
            cases.append(Case((index,), f"{found.labels[first]!r} at {box}{more}"))
    if cases:
        images = [case.images[0] for case in cases]
        yield Found(f"{len(cases):,} images {words}.", cases, images)


def _annotations(context: checking.Checked) -> Iterator[resolve.Annotation]:
    for image in context.images:
        size = resolve.Size(image.info.width, image.info.height)
        yield resolve.resolve(Given.from_json(image.boxes), size)[0]


def _same_class(found: resolve.Annotation) -> np.ndarray:
    labels = np.array(found.labels, object)
    return labels[:, None] == labels[None]  # type: ignore[no-any-return]


def _is_double(found: resolve.Annotation) -> np.ndarray:
    return geometry.iou(found.boxes, found.boxes) >= _SAME_IOU


def _doubles(found: resolve.Annotation, same_class: bool) -> np.ndarray:
    alike = _is_double(found) & (_same_class(found) == same_class)
    return np.triu(alike, 1).any(axis=1)


def _key(boxes: str) -> Sequence[object]:
    given = Given.from_json(boxes)
    return sorted((box.label, *(round(value, 2) for value in box.corners)) for box in given.boxes)
