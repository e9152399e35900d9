"""Checks of pairs of images: copies, label conflicts, leaks between splits."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from components.image_validator import context as validate_context
from data.examples import catalog
from data.splits import split
from tasks import task

Case = validate_context.Case
Found = validate_context.Found
Context = validate_context.Context
Key = Callable[[catalog.Image], Any]
# Of the different keys in a group, the one whose images are kept; None removes all.
Keep = Callable[[set[Any]], Any]


def label_conflicts(context: Context) -> Iterator[Found]:
    """Reports one file in several classes: the label of every copy is doubtful."""
    words = "one file under several labels"
    yield from _apart(context, _copies(context), words, _labels, lambda _: None)


def split_leaks(context: Context) -> Iterator[Found]:
    """Reports one file in several splits: train copies are removable, test copies are kept."""
    words = "one file in several splits"
    yield from _apart(context, _copies(context), words, _split, max)


def near_label_conflicts(context: Context) -> Iterator[Found]:
    """Reports near-duplicates in several classes; not of classes in the image, such as in frames of a film."""
    if task.load(context.job.task).annotates != "images":
        return
    words = "near-duplicates under several labels"
    yield from _apart(context, _near(context), words, _labels, lambda _: None)


def near_split_leaks(context: Context) -> Iterator[Found]:
    """Reports near-duplicates in several splits."""
    words = "near-duplicates in several splits"
    yield from _apart(context, _near(context), words, _split, max)


def duplicates(context: Context) -> Iterator[Found]:
    """Reports copies of one file in one class and split."""
    yield from _alike(context, _copies(context), "copies of others in their class and split")


def near_duplicates(context: Context) -> Iterator[Found]:
    """Reports near-duplicates in one class and split."""
    yield from _alike(context, _near(context), "near-duplicates in their class and split")


def span_copies(context: Context) -> Iterator[Found]:
    """Reports copies and near-duplicates in several spans: the older ones are kept."""
    words = "copies or near-duplicates in several spans"
    groups = [*_copies(context), *_near(context)]
    yield from _apart(context, groups, words, lambda image: image.span, min)


def _labels(image: catalog.Image) -> frozenset[str]:
    return frozenset(image.labels)


def _split(image: catalog.Image) -> int:
    return split.SPLITS.index(image.split)


Group = tuple[list[int], str]


def _copies(context: Context) -> Iterator[Group]:
    return ((group, "the same file") for group in context.copies)


def _near(context: Context) -> Iterator[Group]:
    return (
        ([one, other], f"{distance} of 256 bits differ")
        for distance, one, other in context.near_pairs
    )


def _alike(context: Context, groups: Iterable[Group], words: str) -> Iterator[Found]:
    """Reports redundant images: in each group, those of the same class, split and span."""
    cases, removable = [], set()
    for group, detail in groups:
        first: dict[Any, int] = {}
        for index in sorted(group, key=lambda index: context.images[index].path):
            image = context.images[index]
            earlier = first.setdefault((_labels(image), image.split, image.span), index)
            if earlier != index:
                cases.append(Case((earlier, index), detail))
                removable.add(index)
    yield from _found(context, cases, removable, words)


def _apart(
    context: Context, groups: Iterable[Group], words: str, key: Key, keep: Keep
) -> Iterator[Found]:
    """Reports contradictions: in each group, images of different keys."""
    cases, removable = [], set()
    for group, detail in groups:
        first: dict[Any, int] = {}
        for index in sorted(group, key=lambda index: context.images[index].path):
            first.setdefault(key(context.images[index]), index)
        if len(first) < 2:
            continue
        kept = keep(set(first))
        one, *others = first.values()
        cases += [Case((one, other), detail) for other in others]
        removable |= {index for index in group if key(context.images[index]) != kept}
    yield from _found(context, cases, removable, words)


def _found(context: Context, cases: list[Case], removable: set[int], words: str) -> Iterator[Found]:
    if cases:
        count = len({index for case in cases for index in case.images} | removable)
        message = f"{count:,} of {len(context.images):,} images: {words}."
        yield Found(message, cases, sorted(removable))
