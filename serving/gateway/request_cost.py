"""The cost of a request: its images' pixels and its response's values. B is the batch."""

from collections.abc import Mapping, Sequence

import numpy as np

from serving.gateway import bounds, http_errors
from serving.triton import image_size

_STRING_BYTES = 24


def pixels(images: Sequence[bytes], limits: bounds.Limits) -> list[int]:
    """Counts the pixels of encoded images, from their headers.

    A single image above the limit is not decoded but answered as not valid: it counts as 0.

    Args:
      images: B encoded images.
      limits: the bounds of a request.

    Raises:
      http_errors.HttpError: they have too many in total (413).
    """
    most = limits.max_pixels
    counts = [image_size.pixels(image) for image in images]
    counts = [count if count <= most else 0 for count in counts]
    if sum(counts) > most:
        message = (
            f"The images have {sum(counts):,} pixels in all; allowed are {most:,}. Send fewer."
        )
        raise http_errors.exceeded("max_pixels", message)
    return counts


def of(images: Sequence[bytes], counts: Sequence[int]) -> int:
    """Returns the images' cost for a worker: pixels to decode plus bytes to copy."""
    return sum(counts) + sum(map(len, images))


def values(outputs: Mapping[str, np.ndarray]) -> int:
    """Counts the values of outputs, each [B, …]; a string counts as one for every 24 bytes."""
    return sum(_count(array) for array in outputs.values())


def _count(array: np.ndarray) -> int:
    if array.dtype != object:
        return int(array.size)
    return sum(1 + len(value) // _STRING_BYTES for value in array.flat)


def refuse_values(count: int, limits: bounds.Limits) -> None:
    """Refuses a response that is too large.

    Raises:
      http_errors.HttpError: it has more values than allowed (413).
    """
    most = limits.max_answer_values
    if count > most:
        message = f"The response has {count:,} values; allowed are {most:,}. Send fewer images."
        raise http_errors.exceeded("max_answer_values", message)
