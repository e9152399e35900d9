"""Converts the stored values of one mask to class numbers, at the size of its upright image.

Dimension letters: H W upright image, h w mask as stored, V distinct values, T known values.
"""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from data.images import decode
from data.masks import VOID, mask_file
from data.masks import encoding as mask_encoding

# Largest relative difference of the aspect ratios at which a mask is scaled to its image: a row or
# column that was rounded away.
ASPECT_TOLERANCE = 0.02


class Converted(NamedTuple):
    """A mask as class numbers.

    Attributes:
      array: uint8 [H, W], class numbers and 255 for void.
      snapped_share: share of pixels whose value meant no class and became the nearest.
      resized: whether it had another size than its image.
      turned: whether it was turned with its image.
    """

    array: np.ndarray
    snapped_share: float
    resized: bool
    turned: bool


def convert(
    values: mask_file.Values,
    encoding: mask_encoding.Encoding,
    labels: list[str],
    size: tuple[int, int],
    file_size: tuple[int, int],
    orientation: int = 1,
) -> Converted | decode.Rejection:
    """Converts one mask.

    Args:
      values: of the mask file.
      encoding: what the values mean.
      labels: the label map; classes that it lacks are void.
      size: H and W of the upright image as it is stored, which may be smaller than its file.
      file_size: height and width of the image file before its turn by EXIF.
      orientation: of the image file by EXIF, 1–8.
    """
    placed = _upright(values, file_size, orientation)
    if isinstance(placed, decode.Rejection):
        return placed
    array, turned = placed
    numbers = _numbers(array, values, encoding, labels)
    if isinstance(numbers, decode.Rejection):
        return numbers
    classes, snapped = numbers
    upright = (file_size[1], file_size[0]) if orientation >= 5 else file_size
    resized = array.shape != upright
    return Converted(nearest(classes, size), snapped, resized, turned)


def nearest(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scales [h, w] to a size H, W by the value at the centre of each new pixel; invents none."""
    if array.shape == size:
        return array
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, array.shape, strict=True)
    )
    return np.ascontiguousarray(array[rows[:, None], columns])


def encode(array: np.ndarray) -> bytes:
    """Encodes uint8 [H, W] as PNG of one channel."""
    buffer = io.BytesIO()
    Image.fromarray(array, "L").save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _upright(
    values: mask_file.Values, file_size: tuple[int, int], orientation: int
) -> tuple[np.ndarray, bool] | decode.Rejection:
    """Turns a mask as its own EXIF says, or with its image unless it is upright already."""
    array = values.array
    upright = (file_size[1], file_size[0]) if orientation >= 5 else file_size
    if values.orientation > 1:
        array = mask_file.upright(array, values.orientation)
    elif orientation > 1 and not _fits(array.shape, upright) and _fits(array.shape, file_size):
        return mask_file.upright(array, orientation), True
    if _fits(array.shape, upright):
        return array, False
    height, width = array.shape
    detail = f"{width}×{height} for an image of {upright[1]}×{upright[0]}"
    if _fits((width, height), upright):
        return decode.Rejection("transposed_mask", detail)
    return decode.Rejection("mask_of_another_shape", detail)


def _fits(size: tuple[int, ...], upright: tuple[int, int]) -> bool:
    if size == upright:
        return True
    ratio = size[0] * upright[1] / (size[1] * upright[0])
    return abs(ratio - 1) <= ASPECT_TOLERANCE


def _numbers(
    array: np.ndarray,
    values: mask_file.Values,
    encoding: mask_encoding.Encoding,
    labels: list[str],
) -> tuple[np.ndarray, float] | decode.Rejection:
    """Maps values to class numbers uint8 [h, w]; returns also the share that was snapped."""
    if encoding.kind == mask_encoding.INSTANCES:
        void = np.isin(array, encoding.void) if encoding.void else np.zeros(array.shape, bool)
        names = [encoding.classes[0], encoding.classes[1]]
        both = np.array([_number(name, labels) for name in names], np.uint8)
        return np.where(void, np.uint8(VOID), both[(array > 0).astype(int)]), 0.0
    is_colour = encoding.kind == mask_encoding.COLOUR
    if is_colour != (values.kind == mask_file.COLOUR) and is_colour:
        array = array * 0x010101  # grey in all pixels: a mask of black or white alone
    elif is_colour != (values.kind == mask_file.COLOUR):
        return decode.Rejection("mask_in_colour", "the other masks have class numbers")
    known = {value: _number(name, labels) for value, name in encoding.classes.items()}
    known |= dict.fromkeys(encoding.void, VOID)
    if encoding.kind == mask_encoding.BINARY and array.max(initial=0) <= 1:
        known = {0: known[0], 1: known[max(known)]}
    distinct, places, counts = np.unique(array, return_inverse=True, return_counts=True)
    table, distances = _snap(distinct, known, is_colour)
    share = counts / array.size
    far = float(share[distances > mask_encoding.NEAR].sum())
    exact_only = encoding.kind == mask_encoding.INDEX
    unknown = distinct[distances > (0 if exact_only else mask_encoding.NEAR)]
    if exact_only and len(unknown):
        shown = ", ".join(str(value) for value in unknown[:8])
        return decode.Rejection("unknown_mask_values", shown)
    if far > encoding.max_snapped_share:
        return decode.Rejection("values_between_classes", f"{far:.1%} of the pixels")
    snapped = float(share[distances > 0].sum())
    return table[places].reshape(array.shape), snapped


def _snap(
    distinct: np.ndarray, known: dict[int, int], is_colour: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the nearest known value of each: class numbers uint8 [V] and distances int [V].

    The distance of colours is that of the channel that differs most, in levels.
    """
    keys = np.array(sorted(known), np.int64)
    classes = np.array([known[int(key)] for key in keys], np.uint8)
    nearest_key = np.zeros(len(distinct), np.int64)
    distances = np.zeros(len(distinct), np.int64)
    # In parts: a lossy mask may have 100,000 colours, and T may be 255.
    for start in range(0, len(distinct), 4096):
        part = distinct[start : start + 4096].astype(np.int64)[:, None]
        if is_colour:
            apart = np.max(
                [abs((part >> shift & 255) - (keys >> shift & 255)) for shift in (0, 8, 16)], axis=0
            )
        else:
            apart = abs(part - keys)
        chosen = apart.argmin(axis=1)
        nearest_key[start : start + 4096] = chosen
        distances[start : start + 4096] = apart[np.arange(len(part)), chosen]
    return classes[nearest_key], distances


def _number(name: str, labels: list[str]) -> int:
    return labels.index(name) if name in labels else VOID
