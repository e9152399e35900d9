"""The parity images: one of each class and every unusual kind of file that a request may have."""

import hashlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, UnidentifiedImageError

from components.release_gate.parity import parity_pngs
from data.images import decode, decode_config, image_reading, value_range

MAX_CLASSES = 20
BASE_PX = 256
LARGE_PX = (3000, 2000)
TINY_PX = ((1, 1), (3, 2))
QUALITY = 90
_ORIENTATION_TAG = 0x0112
_ADOBE, _ADOBE_BYTES = b"\xff\xee\x00\x0eAdobe", 16


ParityImage = parity_pngs.ParityImage


def images(samples: Mapping[str, bytes], others: Sequence[bytes] = ()) -> list[ParityImage]:
    """Returns the parity images, the same bytes for the same samples.

    Args:
      samples: class name → bytes of one test image. Of more than 20 classes, those whose hashed
        names come first are used, so that a new class displaces at most one.
      others: further test images.
    """
    by_hash = sorted(samples, key=lambda name: hashlib.sha256(_bytes(name)).digest())
    chosen = sorted(by_hash[:MAX_CLASSES])
    base = _base(samples[chosen[0]]) if chosen else _pattern()
    return [
        *(ParityImage(f"class {name!r}", samples[name], sample=True) for name in chosen),
        *(
            ParityImage(f"test image {number}", encoded, sample=True)
            for number, encoded in enumerate(others, 1)
        ),
        *_formats(base),
        *parity_pngs.encodings(base),
        *_sizes(base),
        *_broken(base),
    ]


def stored(image: ParityImage, reading: image_reading.Reading) -> bytes:
    """Returns the bytes that training would get: for an exact image, those that ingest stores."""
    if not image.exact:
        return image.encoded
    background = "#{:02x}{:02x}{:02x}".format(*reading.background)
    settings = decode_config.DecodeConfig(background=background)
    scale = value_range.Scale(integers=reading.value_range)
    found = decode.decode(image.encoded, settings, reencode=True, scale=scale)
    return found.encoded if isinstance(found, decode.Decoded) else image.encoded


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _base(encoded: bytes) -> Image.Image:
    """Reduces a sample; the unusual images are made of it, so that they look like the data."""
    try:
        image = Image.open(io.BytesIO(encoded)).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return _pattern()
    image.thumbnail((BASE_PX, BASE_PX))
    return image


def _pattern() -> Image.Image:
    """Returns smooth noise without any symmetry."""
    small = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    return Image.fromarray(small).resize((BASE_PX, 160), Image.Resampling.BICUBIC)


def _formats(base: Image.Image) -> list[ParityImage]:
    made = []
    for value in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION_TAG] = value
        made.append(ParityImage(f"JPEG, EXIF orientation {value}", _jpeg(base, exif=exif)))
    # Opaque at the left, clear at the right.
    opacity = np.tile(np.linspace(255, 0, base.width).astype(np.uint8), (base.height, 1))
    clear = base.copy()
    clear.putalpha(Image.fromarray(opacity))
    few = base.quantize(64)
    return [
        *made,
        ParityImage("JPEG, XMP orientation 6", _jpeg(base, xmp=parity_pngs.xmp(6))),
        ParityImage("progressive JPEG", _jpeg(base, progressive=True)),
        ParityImage("RGB JPEG", _jpeg(base, keep_rgb=True)),
        ParityImage(
            "CMYK JPEG without Adobe's marker", _without_adobe(_jpeg(base.convert("CMYK")))
        ),
        ParityImage("palette BMP", _saved(few, "BMP"), exact=True),
        ParityImage("BMP of 1 bit", _saved(base.convert("1"), "BMP"), exact=True),
        ParityImage("transparent GIF", _saved(few, "GIF", transparency=_often(few)), exact=True),
        ParityImage("TIFF", _saved(base, "TIFF")),
        ParityImage("grey JPEG", _jpeg(base.convert("L"))),
        ParityImage("CMYK JPEG", _jpeg(base.convert("CMYK"))),
        ParityImage("PNG with alpha", _saved(clear, "PNG")),
        ParityImage("PNG with a palette", _saved(few, "PNG"), exact=True),
        ParityImage("WebP", _saved(base, "WEBP", quality=QUALITY)),
        ParityImage("GIF", _saved(base, "GIF"), exact=True),
        ParityImage("BMP", _saved(base, "BMP"), exact=True),
    ]


def _often(image: Image.Image) -> int:
    """Returns the most frequent index of an image with a palette."""
    return int(np.argmax(image.histogram()))


def _without_adobe(encoded: bytes) -> bytes:
    start = encoded.find(_ADOBE)
    return encoded[:start] + encoded[start + _ADOBE_BYTES :] if start >= 0 else encoded


def _sizes(base: Image.Image) -> list[ParityImage]:
    width, height = LARGE_PX
    return [
        ParityImage(f"large JPEG, {width} × {height}", _jpeg(base.resize(LARGE_PX))),
        *(
            ParityImage(
                f"tiny PNG, {width} × {height}", _saved(base.resize((width, height)), "PNG")
            )
            for width, height in TINY_PX
        ),
    ]


def _broken(base: Image.Image) -> list[ParityImage]:
    whole = _jpeg(base)
    return [
        ParityImage("broken: empty", b""),
        ParityImage("broken: cut in the middle", whole[: len(whole) // 2]),
        ParityImage("broken: text", b"This is no image.\n"),
        ParityImage("broken: a header alone", whole[:20]),
    ]


def _jpeg(image: Image.Image, **options: object) -> bytes:
    return _saved(image, "JPEG", quality=QUALITY, **options)


def _saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()
