"""The checks of images that only segmentation has: what ingest found in the masks.

Masks that cannot be used at all are in quarantine before: of another shape than their image, transposed,
with unknown values, or with too many values between two classes.
"""

from collections import Counter
from collections.abc import Iterator

from pydantic import BaseModel, Field

from data import formats
from tasks import checking

SPLITS = ("train", "eval", "test")
MOST_NAMED = 10


class Settings(BaseModel):
    """Severities and limits of the checks of masks."""

    empty_mask: checking.Severity = Field(
        "warn", description="masks without a pixel of any class, only void"
    )
    masks_differ: checking.Severity = Field(
        "warn", description="copies of one image whose masks show different classes"
    )
    void_share: checking.SetSeverity = Field(
        "warn", description="a large share of all pixels has no class"
    )
    rare_class_pixels: checking.SetSeverity = Field(
        "warn", description="classes with few pixels or in few images"
    )
    class_missing_in_split: checking.SetSeverity = Field(
        "warn", description="classes that no mask of a split shows"
    )
    specks: checking.SetSeverity = Field(
        "warn", description="lone pixels in masks, of a class that none of the pixels around has"
    )
    mixed_masks: checking.SetSeverity = Field(
        "warn", description="masks of 0 and 1 beside masks of 0 and 255"
    )
    masks_changed: checking.SetSeverity = Field(
        "warn", description="masks that were scaled, turned or snapped to the nearest class"
    )
    max_void_share: float = Field(
        0.5, ge=0, le=1, description="largest share of void among all pixels of the masks"
    )
    min_class_pixel_share: float = Field(
        0.001, ge=0, le=1, description="smallest share of the pixels that a class should have"
    )
    max_specks: int = Field(20, ge=0, description="most lone pixels that a mask should have")
    min_class_images: int = Field(
        10, ge=0, description="fewest images that should show a class of pixels"
    )


def empty_mask(checked: checking.Checked) -> Iterator[checking.Found]:
    """Finds images in whose mask no pixel has a class: nothing can be learned from them."""
    places = [place for place, image in enumerate(checked.images) if not image.labels]
    if places:
        yield checking.Found(
            f"In the masks of {formats.plural(len(places), 'image')} no pixel has a class.",
            [checking.Case((place,), "only void") for place in places],
            places,
        )


def masks_differ(checked: checking.Checked) -> Iterator[checking.Found]:
    """Finds copies of one image with different masks: one of them is wrong."""
    masks, cases = checked.report.masks, []
    if masks is None:
        return
    places = {image.path: place for place, image in enumerate(checked.images)}
    for first, other in masks.differing:
        if first in places and other in places:
            both = (places[first], places[other])
            one, two = (set(checked.images[place].labels) for place in both)
            only = f"one alone has {_named(sorted(one ^ two))}" if one != two else "other outlines"
            cases.append(checking.Case(both, only))
    if cases:
        yield checking.Found(
            f"{formats.plural(len(cases), 'copy', 'copies')} of an image with another mask: which"
            " of the two is right?",
            cases,
            sorted({place for case in cases for place in case.images}),
        )


def void_share(checked: checking.Checked) -> Iterator[checking.Found]:
    """Reports a large share of void."""
    masks, limit = checked.report.masks, checked.config.max_void_share
    if masks is None:
        return
    total = masks.void + sum(masks.pixels.values())
    share = masks.void / total if total else 0.0
    if share > limit:
        yield checking.Found(
            f"{formats.percent(share)} of all pixels have no class; at most"
            f" {formats.percent(limit)} is expected. Is a value that means a class taken for void?"
        )


def rare_class_pixels(checked: checking.Checked) -> Iterator[checking.Found]:
    """Reports classes of which there is too little to learn from or to judge by."""
    masks, config = checked.report.masks, checked.config
    if masks is None:
        return
    total = sum(masks.pixels.values()) or 1
    told = []
    for name in checked.labels:
        share, images = masks.pixels.get(name, 0) / total, masks.images.get(name, 0)
        if share < config.min_class_pixel_share or images < config.min_class_images:
            told.append(f"{name!r} ({share:.2%} of the pixels, {formats.plural(images, 'image')})")
    if told:
        shown = ", ".join(told[:MOST_NAMED])
        yield checking.Found(
            f"Rare classes: {shown}{f' and {len(told) - MOST_NAMED} more' if len(told) > MOST_NAMED else ''}."
            f" Below {config.min_class_pixel_share:.2%} of the pixels or"
            f" {config.min_class_images} images a class is hardly learned, and its IoU uncertain."
            " --train.balance weights gives rare classes more weight."
        )


def class_missing_in_split(checked: checking.Checked) -> Iterator[checking.Found]:
    """Reports classes that no image of a split shows."""
    present: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for image in checked.images:
        present[image.split].update(image.labels)
    known = {name for counts in present.values() for name in counts}
    for split in SPLITS:
        missing = [name for name in checked.labels if name in known and not present[split][name]]
        if missing and present[split]:
            yield checking.Found(
                f"No {split} image shows {_named(missing)}: "
                + (
                    "the model cannot learn it."
                    if split == "train"
                    else "what the model makes of it is not measured there."
                )
            )


def specks(checked: checking.Checked) -> Iterator[checking.Found]:
    """Reports masks with lone pixels: slips of a brush, or the traces of a lossy format."""
    masks, limit = checked.report.masks, checked.config.max_specks
    if masks is None:
        return
    places = {image.path: place for place, image in enumerate(checked.images)}
    found = sorted(
        (
            (count, path)
            for path, count in masks.specked.items()
            if count > limit and path in places
        ),
        reverse=True,
    )
    if found:
        cases = [checking.Case((places[path],), f"{count:,} lone pixels") for count, path in found]
        yield checking.Found(
            f"{formats.plural(len(found), 'mask')} with more than {limit} pixels of a class that none of"
            " the pixels around them has.",
            cases,
        )


def mixed_masks(checked: checking.Checked) -> Iterator[checking.Found]:
    """Reports masks of 0 and 1 beside masks of 0 and 255: two tools, or two ideas of the classes."""
    masks = checked.report.masks
    if masks is not None and 0 < masks.ones < masks.masks:
        yield checking.Found(
            f"{masks.ones:,} of {masks.masks:,} masks have 0 and 1, the others 0 and 255: the same two"
            " classes are assumed."
        )


def masks_changed(checked: checking.Checked) -> Iterator[checking.Found]:
    """Reports masks that did not fit their images or their classes exactly."""
    masks = checked.report.masks
    if masks is None:
        return
    rows = (
        (masks.resized, "had another size than their image and were scaled by nearest"),
        (masks.turned, "were turned upright with their image"),
        (
            masks.snapped,
            "had values between two classes, which became the nearer one (up to"
            f" {masks.largest_snapped_share:.1%} of the pixels of a mask)",
        ),
    )
    for count, text in rows:
        if count:
            yield checking.Found(f"{count:,} of {masks.masks:,} masks {text}.")


def _named(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


CHECKS = checking.Checks(
    (
        empty_mask,
        masks_differ,
        void_share,
        rare_class_pixels,
        class_missing_in_split,
        specks,
        mixed_masks,
        masks_changed,
    ),
    Settings,
)
