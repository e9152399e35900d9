"""The golden images: one of each class and every oddity that a request may bring."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

MAX_CLASSES = 20
BASE_PX = 256
LARGE_PX = (3000, 2000)
TINY_PX = ((1, 1), (3, 2))
QUALITY = 90
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True)
class Golden:
    """An image to ask every stage about.

    Attributes:
      name: what it is, for a message.
      encoded: the file's bytes.
      sample: whether it is a test image of a class, as requests bring them; others are made.
    """

    name: str
    encoded: bytes
    sample: bool = False


def images(samples: Mapping[str, bytes]) -> list[Golden]:
    """The golden images, the same bytes for the same samples.

    Args:
      samples: class name → bytes of one test image. Of more than 20 classes, those whose hashed
        names come first are taken, so that a new class displaces at most one.
    """
    by_hash = sorted(samples, key=lambda name: hashlib.sha256(_bytes(name)).digest())
    chosen = sorted(by_hash[:MAX_CLASSES])
    base = _base(samples[chosen[0]]) if chosen else _pattern()
    return [
        *(Golden(f"class {name!r}", samples[name], sample=True) for name in chosen),
        *_formats(base),
        *_sizes(base),
        *_broken(base),
    ]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _base(encoded: bytes) -> Image.Image:
    """A sample, made small; the oddities are made of it, so that they look like the data."""
    try:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return _pattern()
    image.thumbnail((BASE_PX, BASE_PX))
    return image


def _pattern() -> Image.Image:
    """Smooth noise without any symmetry."""
    small = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    return Image.fromarray(small).resize((BASE_PX, 160), Image.Resampling.BICUBIC)


def _formats(base: Image.Image) -> list[Golden]:
    made = []
    for value in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION_TAG] = value
        made.append(Golden(f"JPEG, EXIF orientation {value}", _jpeg(base, exif=exif)))
    # Opaque at the left, clear at the right.
    opacity = np.tile(np.linspace(255, 0, base.width).astype(np.uint8), (base.height, 1))
    clear = base.copy()
    clear.putalpha(Image.fromarray(opacity))
    grey = np.asarray(base.convert("L"))
    return [
        *made,
        # 12 bits, which is dark or bright by the range of values that the model was trained with.
        Golden("grey PNG of 16 bits", _saved(Image.fromarray(grey.astype(np.uint16) * 16), "PNG")),
        Golden("grey JPEG", _jpeg(base.convert("L"))),
        Golden("CMYK JPEG", _jpeg(base.convert("CMYK"))),
        Golden("PNG with alpha", _saved(clear, "PNG")),
        Golden("PNG with a palette", _saved(base.quantize(64), "PNG")),
        Golden("WebP", _saved(base, "WEBP", quality=QUALITY)),
        Golden("GIF", _saved(base, "GIF")),
        Golden("BMP", _saved(base, "BMP")),
    ]


def _sizes(base: Image.Image) -> list[Golden]:
    width, height = LARGE_PX
    return [
        Golden(f"large JPEG, {width} × {height}", _jpeg(base.resize(LARGE_PX))),
        *(
            Golden(f"tiny PNG, {width} × {height}", _saved(base.resize((width, height)), "PNG"))
            for width, height in TINY_PX
        ),
    ]


def _broken(base: Image.Image) -> list[Golden]:
    whole = _jpeg(base)
    return [
        Golden("broken: empty", b""),
        Golden("broken: cut in the middle", whole[: len(whole) // 2]),
        Golden("broken: text", b"This is no image.\n"),
        Golden("broken: a header alone", whole[:20]),
    ]


def _jpeg(image: Image.Image, **options: object) -> bytes:
    return _saved(image, "JPEG", quality=QUALITY, **options)


def _saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
