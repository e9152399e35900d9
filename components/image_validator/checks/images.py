"""Checks of single images, by the image statistics that ingest computed."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from components.image_validator import context as validate_context
from data.examples import catalog
from data.images import refusals

BLANK_CONTRAST = 0.004  # of 0.5: one level of 255
GREY_SATURATION = 0.01
_SERVED = {
    **{
        code: f'the served model refuses them with the reason "{code}" ({meaning})'
        for code, meaning in refusals.REFUSALS.items()
    },
    refusals.SEEN_OTHERWISE: "the served model decodes other pixels than training did",
}
Case = validate_context.Case
Found = validate_context.Found
Context = validate_context.Context


def blank(context: Context) -> Iterator[Found]:
    """Reports images of a single colour."""
    yield from _below(
        context, lambda image: image.info.quality.contrast, BLANK_CONTRAST, "a single colour"
    )


def too_dark(context: Context) -> Iterator[Found]:
    """Reports images in which nothing is bright."""
    yield from _below(
        context,
        lambda image: image.info.quality.highlight,
        context.config.min_highlight,
        "too dark",
        skipped=_is_blank,
    )


def too_bright(context: Context) -> Iterator[Found]:
    """Reports images in which nothing is dark."""
    yield from _below(
        context,
        lambda image: 1 - image.info.quality.shadow,
        1 - context.config.max_shadow,
        "too bright",
        skipped=_is_blank,
    )


def low_contrast(context: Context) -> Iterator[Found]:
    """Reports images of about one grey level."""
    yield from _below(
        context,
        lambda image: image.info.quality.contrast,
        context.config.min_contrast,
        "low contrast",
        skipped=_is_blank,
    )


def blurry(context: Context) -> Iterator[Found]:
    """Reports images without a sharp edge."""
    yield from _below(
        context,
        lambda image: image.info.quality.sharpness,
        context.config.min_sharpness,
        "blurred",
        skipped=_is_blank,
    )


def odd_aspect_ratio(context: Context) -> Iterator[Found]:
    """Reports images that are much longer than wide, or the reverse."""
    yield from _below(
        context,
        lambda image: (
            min(image.info.height, image.info.width) / max(image.info.height, image.info.width)
        ),
        1 / context.config.max_aspect_ratio,
        f"one side is over {context.config.max_aspect_ratio:g} times the other",
    )


def odd_size(context: Context) -> Iterator[Found]:
    """Reports images much larger or smaller than the others; a side is the root of the area."""
    sides = [np.sqrt(image.info.height * image.info.width) for image in context.images]
    if not sides:
        return
    median = float(np.median(sides))
    factor = context.config.max_size_factor
    yield from _below(
        context,
        lambda image: _similarity(np.sqrt(image.info.height * image.info.width), median),
        1 / factor,
        f"over {factor:g} times smaller or larger than the median of {median:.0f} px",
    )


def greyscale(context: Context) -> Iterator[Found]:
    """Reports the grey images of a colour set, if they are few."""
    grey = [image.info.quality.saturation < GREY_SATURATION for image in context.images]
    if 0 < sum(grey) <= context.config.max_greyscale_fraction * len(grey):
        yield from _below(
            context,
            lambda image: image.info.quality.saturation,
            GREY_SATURATION,
            "grey in a set of colour images",
            skipped=_is_blank,
        )


def not_servable(context: Context) -> Iterator[Found]:
    """Reports files that the served model refuses or decodes to other pixels, by encoding."""
    kinds: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, image in enumerate(context.images):
        if image.info.refused:
            kinds[image.info.encoding, image.info.refused].append(index)
    total = sum(len(indices) for indices in kinds.values())
    for (encoding, code), indices in sorted(kinds.items(), key=lambda kind: -len(kind[1])):
        others = f" {total:,} images cannot be sent as they are." if total > len(indices) else ""
        yield Found(
            f"{len(indices):,} of {len(context.images):,} images: {encoding}. Sent as they are,"
            f" {_SERVED[code]}. Send JPEG or PNG of 8 bits in sRGB instead.{others}",
            [Case((index,), code) for index in indices],
            indices,
        )


def _scaled(context: Context, low: list[tuple[float, int]]) -> str:
    """Names a possible cause outside the files: the scaling of more than 8 bits to 0–255."""
    found = [context.images[index].info.values for _, index in low]
    deep = [values for values in found if values is not None]
    if not deep:
        return ""
    ranges = " or ".join(sorted({str(values.scaled) for values in deep}))
    return (
        f" {len(deep):,} of them have more than 8 bits and were scaled from {ranges} to 0–255: the"
        " cause may be --ingest.value-range."
    )


def _is_blank(image: catalog.Image) -> bool:
    return image.info.quality.contrast < BLANK_CONTRAST


def _similarity(one: float, other: float) -> float:
    return float(min(one, other) / max(one, other))


def _below(
    context: Context,
    measure: Callable[[catalog.Image], float],
    bound: float,
    words: str,
    skipped: Callable[[catalog.Image], bool] = lambda image: False,
) -> Iterator[Found]:
    """Reports images with a statistic below a limit, lowest first, if there are any."""
    values = sorted(
        (measure(image), index) for index, image in enumerate(context.images) if not skipped(image)
    )
    low = [(value, index) for value, index in values if value < bound]
    if low:
        yield Found(
            f"{len(low):,} of {len(context.images):,} images: {words}.{_scaled(context, low)}",
            [Case((index,), f"{value:.3g}, {bound:.3g} is allowed") for value, index in low],
            [index for _, index in low],
        )
