"""Masks as files, in the encodings in which people keep them."""

import io

import numpy as np
from PIL import Image


def png(array: np.ndarray, mode: str | None = None, **options: object) -> bytes:
    """Encodes an array as PNG."""
    return saved(Image.fromarray(array, mode), "PNG", **options)


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def palette(array: np.ndarray) -> bytes:
    """Encodes indices with a palette whose colours mean nothing."""
    image = Image.fromarray(array, "P")
    image.putpalette([value for index in range(256) for value in (255 - index, 7, index)])
    return saved(image, "PNG")


def colours(array: np.ndarray, table: dict[int, tuple[int, int, int]]) -> np.ndarray:
    """Returns uint8 [H, W, 3], class numbers in their colours."""
    picture = np.zeros((*array.shape, 3), np.uint8)
    for value, colour in table.items():
        picture[array == value] = colour
    return picture


def stripes(values: list[int], height: int = 12, width: int = 20) -> np.ndarray:
    """Returns uint8 [H, W], the values in vertical stripes of equal width."""
    columns = np.arange(width) * len(values) // width
    return np.tile(np.array(values, np.uint8)[columns], (height, 1))
