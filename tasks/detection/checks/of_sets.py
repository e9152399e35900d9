"""Checks of the boxes of many images: labels, splits, copies."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from data import formats
from data.boxes.given import Given
from tasks import checking
from tasks.checking import Case, Found
from tasks.detection.checks import annotations

# Counts of few objects differ by chance.
_FEW = 3


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
    for image, found in zip(context.images, annotations.of(context), strict=True):
        counts[image.split].update(found.labels)
    for split, present in sorted(counts.items()):
        absent = [name for name in context.labels if not present[name]]
        if absent:
            total = sum(present.values())
            yield Found(
                f"The {split} split, with {total:,} objects, has none of"
                f" {', '.join(map(repr, absent))}; its figures leave them out."
            )


def object_balance(context: checking.Checked) -> Iterator[Found]:
    """Reports splits whose objects are spread over classes and images unlike the training split's.

    Counts of less than about ten objects differ by chance, so three objects more or less are allowed.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    images: Counter[str] = Counter()
    for image, found in zip(context.images, annotations.of(context), strict=True):
        counts[image.split].update(found.labels)
        images[image.split] += 1
    learnt, ratio = counts.pop("train", Counter()), context.config.max_split_ratio
    total = sum(learnt.values())
    for split, present in sorted(counts.items()):
        there = sum(present.values())
        if not (total and there):
            continue
        other = [
            f"{name!r} is {formats.percent(present[name] / there)} of {there:,} objects, in training"
            f" {formats.percent(learnt[name] / total)}"
            for name in context.labels
            if _is_far(present[name], there * learnt[name] / total, ratio)
        ]
        if _is_far(there, images[split] * total / images["train"], ratio):
            here = f"{there / images[split]:.1f} objects an image, in training"
            other.append(f"there are {here} {total / images['train']:.1f}")
        if other:
            yield Found(f"The {split} split is unlike the training split: {'; '.join(other)}.")


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


def _is_far(count: float, expected: float, ratio: float) -> bool:
    return count > ratio * expected + _FEW or expected > ratio * count + _FEW


def _key(boxes: str) -> Sequence[object]:
    given = Given.from_json(boxes)
    return sorted((box.label, *(round(value, 2) for value in box.corners)) for box in given.boxes)
