"""What a decoding process does with one mask: describe it, or convert it to class numbers.

Masks are as hostile as images, so both happen in :mod:`data.images.decoder_process`.
"""

import io
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image
from pydantic import BaseModel, ConfigDict, Field

from data.files import hashing, user_files
from data.images import decode, decode_config
from data.masks import VOID, convert, mask_file, shapes
from data.masks import encoding as mask_encoding


class Rules(BaseModel):
    """How the masks of a set are converted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoding: mask_encoding.Encoding
    labels: list[str] = Field(description="label map")


class Facts(NamedTuple):
    """What is known of a converted mask.

    Attributes:
      counts: class number → pixels; only classes that are there.
      void: pixels without a class.
      snapped_share: see Converted.
      resized, turned: see Converted.
      specks: pixels of a class that none of the eight around them has.
      digest: equal for equal masks alone.
      ones: whether it has 0 and 1 where the set means 0 and 255.
    """

    counts: dict[int, int]
    void: int
    snapped_share: float
    resized: bool
    turned: bool
    specks: int = 0
    digest: str = ""
    ones: bool = False


class Made(NamedTuple):
    """A converted mask: a PNG of one channel in the size of its image, and its facts."""

    encoded: bytes
    facts: Facts


def work(
    root: str,
    path: str,
    mask_of: tuple[str, int, int],
    limits: decode_config.Limits,
    rules: Rules | None,
    drawn: str = "",
) -> tuple[str, Made | mask_file.Look | decode.Rejection]:
    """Describes or converts a mask.

    Args:
      root: the data folder.
      path: the mask's file, relative to it.
      mask_of: the path of its image, and height and width of the stored image.
      limits: the bounds on a file.
      rules: None to describe the mask.
      drawn: shapes as JSON that the mask is drawn of; empty if the file is the mask.

    Returns:
      The sha256 of the file, empty if it cannot be read, and the result.
    """
    content = drawn.encode() or user_files.read(root, path, limits.max_bytes)
    if isinstance(content, decode.Rejection):
        return "", content._replace(reason=f"mask_{content.reason}")
    digest = hashing.sha256(content)
    if rules is None:
        return digest, _named(mask_file.look(content, limits))
    image, *size = mask_of
    header = _header(user_files.read(root, image, limits.max_bytes), limits)
    if isinstance(header, decode.Rejection):
        return digest, header
    values = _drawn(drawn, header, limits) if drawn else mask_file.read(content, limits)
    if isinstance(values, decode.Rejection):
        return digest, _named(values)
    height, width = size
    found = convert.convert(
        values, rules.encoding, rules.labels, (height, width), header[0], header[1]
    )
    if isinstance(found, decode.Rejection):
        return digest, found
    is_binary = rules.encoding.kind == mask_encoding.BINARY
    return digest, made(found, ones=is_binary and int(values.array.max(initial=0)) == 1)


def _drawn(
    text: str, header: tuple[tuple[int, int], int], limits: decode_config.Limits
) -> mask_file.Values | decode.Rejection:
    """Draws shapes: those in 0–1 upon the upright image, others at the size that they are in pixels of."""
    try:
        found = shapes.Shapes.from_json(text)
    except (TypeError, ValueError) as error:
        return decode.Rejection("damaged", f"{type(error).__name__}: {error}")
    (height, width), orientation = header
    size = found.size or ((width, height) if orientation >= 5 else (height, width))
    why = shapes.problem(found)
    if why is not None:
        return decode.Rejection("damaged", why)
    rejection = decode.check_size((size[1], size[0]), limits)
    if rejection is not None:
        return rejection
    array = shapes.rasterise(found, size).astype(np.int32)
    return mask_file.Values(mask_file.INDEX, array, 1, False)


def made(found: convert.Converted, ones: bool = False) -> Made:
    """Encodes a converted mask and counts its pixels."""
    counts = np.bincount(found.array.ravel(), minlength=256)
    present = {int(value): int(counts[value]) for value in np.flatnonzero(counts[:255])}
    facts = Facts(
        present,
        int(counts[255]),
        found.snapped_share,
        found.resized,
        found.turned,
        specks(found.array),
        hashing.sha256(found.array.tobytes())[:16],
        ones,
    )
    return Made(convert.encode(found.array), facts)


def specks(array: np.ndarray) -> int:
    """Counts the pixels of a mask uint8 [H, W], void aside, that none of the eight around equals."""
    height, width = array.shape
    padded = np.pad(array.astype(np.int16), 1, constant_values=-1)
    alone = array != VOID
    for down in range(3):
        for right in range(3):
            if (down, right) != (1, 1):
                alone &= padded[down : down + height, right : right + width] != array
    return int(alone.sum())


def look_from_json(raw: list[Any]) -> mask_file.Look:
    """Parses a description from JSON, which is a list of its values."""
    kind, orientation, lossy, height, width, values, counts = raw
    return mask_file.Look(
        str(kind),
        int(orientation),
        bool(lossy),
        int(height),
        int(width),
        tuple(map(int, values)),
        tuple(map(int, counts)),
    )


def facts_from_json(raw: list[Any]) -> Facts:
    """Parses facts from JSON, which is a list of their values."""
    counts, void, snapped_share, resized, turned, alone, digest, ones = raw
    typed = {int(value): int(count) for value, count in counts.items()}
    flags = bool(resized), bool(turned)
    return Facts(
        typed, int(void), float(snapped_share), *flags, int(alone), str(digest), bool(ones)
    )


def _named(found: Any) -> Any:
    """Tells the reason of a bad mask from that of a bad image."""
    if isinstance(found, decode.Rejection):
        return found._replace(reason=f"mask_{found.reason}")
    return found


def _header(
    content: bytes | decode.Rejection, limits: decode_config.Limits
) -> tuple[tuple[int, int], int] | decode.Rejection:
    """Returns height and width of an image file before its turn, and its orientation."""
    if isinstance(content, decode.Rejection):
        return content
    try:
        with Image.open(io.BytesIO(content), formats=decode.formats()) as image:
            rejection = decode.check_size(image.size, limits)
            orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
            width, height = image.size
    # The image was decoded before, so only a file that has changed since comes here.
    except Exception as error:
        return decode.Rejection("damaged", f"{type(error).__name__}: {error}")
    return rejection or ((height, width), orientation if orientation in range(1, 9) else 1)
