"""Checks of what annotation files say: ingest has listed it, here it is told with pictures."""

from collections import defaultdict
from collections.abc import Iterator

from data.boxes.given import HARMLESS, Fault, Given
from tasks import checking
from tasks.checking import Case, Found

_SIZES = frozenset({Fault.SIZE_ABSENT.value, Fault.SIZE_WRONG.value})
_NAMES = frozenset({Fault.OTHER_NAME.value})
_NUMBERS = frozenset({Fault.UNUSED_CLASS.value, Fault.NUMBERS_FROM_ONE.value})


def bad_boxes(context: checking.Checked) -> Iterator[Found]:
    """Reports boxes that ingest left out or clipped."""
    others = {fault.value for fault in Fault} - _SIZES - _NAMES - _NUMBERS
    yield from _faults(context, others)


def box_size_tags(context: checking.Checked) -> Iterator[Found]:
    """Reports annotations whose size of the image is absent or wrong; the pixels count."""
    yield from _faults(context, _SIZES)


def annotation_names(context: checking.Checked) -> Iterator[Found]:
    """Reports annotations that name another image."""
    yield from _faults(context, _NAMES)


def class_numbers(context: checking.Checked) -> Iterator[Found]:
    """Reports names without a box, and numbers that are one too high for all names."""
    for row in context.report.bad_boxes:
        if row.fault == Fault.NUMBERS_FROM_ONE.value:
            yield Found(
                f"{row.file}: {row.detail}. If the numbers begin at 1, each box has the name after"
                " its own, and the last class is lost."
            )
    unused = [row for row in context.report.bad_boxes if row.fault == Fault.UNUSED_CLASS.value]
    for file in dict.fromkeys(row.file for row in unused):
        told = "; ".join(row.detail for row in unused if row.file == file)
        yield Found(f"{file}: {told}.")


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
