"""Bytes of a mask file → its values as they are stored, and a description of them.

Values are never colours of a palette: a palette image gives its indices. Nothing is turned
upright or converted here; :mod:`data.masks.encoding` decides what the values mean once all masks
were described. Bounds are those of images. Dimension letters: H W mask.
"""

import io
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from data.images import decode, decode_config

# Of more distinct values only the most frequent are kept: a photo instead of a mask has millions.
MAX_VALUES = 512
COLOUR = "colour"
INDEX = "index"
PALETTE = "palette"
BILEVEL = "bilevel"
ALPHA = "alpha"
DEEP = "deep"


class Values(NamedTuple):
    """The stored values of a mask.

    Attributes:
      kind: how the file stores them: INDEX for grey of 8 bits, PALETTE, BILEVEL (0 and 1), COLOUR
        (0xRRGGBB), ALPHA (its transparency) or DEEP (more than 8 bits).
      array: int32 [H, W], as stored, before any turn by EXIF.
      orientation: of EXIF, 1–8.
      lossy: whether the format changes values.
    """

    kind: str
    array: np.ndarray
    orientation: int
    lossy: bool


class Look(NamedTuple):
    """A description of one mask file.

    Attributes:
      kind, orientation, lossy: see Values.
      height, width: as stored, in pixels.
      values: distinct values, ascending; at most MAX_VALUES, the most frequent.
      counts: pixels of each.
    """

    kind: str
    orientation: int
    lossy: bool
    height: int
    width: int
    values: tuple[int, ...]
    counts: tuple[int, ...]

    @property
    def upright_size(self) -> tuple[int, int]:
        """Returns height and width after the turn by EXIF."""
        turned = self.orientation >= 5
        return (self.width, self.height) if turned else (self.height, self.width)


def read(content: bytes, limits: decode_config.Limits) -> Values | decode.Rejection:
    """Decodes a mask; never raises on a bad file."""
    if not content:
        return decode.Rejection("empty")
    if len(content) > limits.max_bytes:
        return decode.Rejection("too_many_bytes", f"{len(content)} bytes")
    try:
        with Image.open(io.BytesIO(content), formats=decode.formats()) as image:
            rejection = decode.check_size(image.size, limits)
            return rejection or _values(image)
    except UnidentifiedImageError:
        return decode.Rejection("not_an_image", f"starts with {content[:8]!r}")
    except Image.DecompressionBombError as error:
        return decode.Rejection("too_many_pixels", str(error))
    except MemoryError as error:
        return decode.Rejection("too_much_memory", str(error))
    # Hostile files make Pillow's plugins raise anything from struct.error to ZeroDivisionError.
    except Exception as error:
        return decode.Rejection("damaged", f"{type(error).__name__}: {error}")


def look(content: bytes, limits: decode_config.Limits) -> Look | decode.Rejection:
    """Describes a mask file; never raises on a bad one."""
    values = read(content, limits)
    if isinstance(values, decode.Rejection):
        return values
    height, width = values.array.shape
    distinct, counts = np.unique(values.array, return_counts=True)
    if len(distinct) > MAX_VALUES:
        kept = np.sort(np.argsort(counts, kind="stable")[-MAX_VALUES:])
        distinct, counts = distinct[kept], counts[kept]
    return Look(
        values.kind,
        values.orientation,
        values.lossy,
        height,
        width,
        values=tuple(int(value) for value in distinct),
        counts=tuple(int(count) for count in counts),
    )


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turns [H, W] by one of EXIF's eight orientations; no value changes."""
    if orientation in (2, 4, 5, 7):
        array = array[:, ::-1]
    quarters = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(array, quarters))


def _values(image: Image.Image) -> Values:
    orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    lossy = image.format in decode.LOSSY_FORMATS
    image.load()
    kind, array = _stored(image)
    return Values(kind, array.astype(np.int32), orientation, lossy)


def _stored(image: Image.Image) -> tuple[str, np.ndarray]:
    if image.mode == "1":
        return BILEVEL, np.asarray(image).astype(np.uint8)
    if image.mode in ("P", "PA"):
        return PALETTE, np.asarray(image if image.mode == "P" else image.getchannel("P"))
    if image.mode == "L":
        return INDEX, np.asarray(image)
    if image.mode.startswith("I") or image.mode == "F":
        array = np.asarray(image)
        return DEEP, np.clip(array, -(2**31), 2**31 - 1)
    if image.mode in ("LA", "La"):
        image = image.convert("RGBA")
    elif image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    bands = np.asarray(image).astype(np.int32)
    colours = (bands[..., 0] << 16) | (bands[..., 1] << 8) | bands[..., 2]
    if bands.shape[2] == 4 and colours.min() == colours.max():
        alpha = bands[..., 3]
        if alpha.min() != alpha.max():
            return ALPHA, alpha
    grey = (bands[..., 0] == bands[..., 1]) & (bands[..., 1] == bands[..., 2])
    return (INDEX, bands[..., 0]) if grey.all() else (COLOUR, colours)
