"""Names of file encodings, as precise as somebody who must convert the files needs."""

import struct

from PIL import Image

_NAMES = {"MPO": "JPEG", "WEBP": "WebP", "JPEG2000": "JPEG 2000", "HEIF": "HEIC"}
_PNG_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey+alpha", 6: "RGBA"}
_BMP_CORE = 12
_BMP_RUN_LENGTH = (1, 2)


def name(image: Image.Image, content: bytes, turned: bool, converted: bool) -> str:
    """Names an encoding, such as "4-bit palette PNG" or "CMYK JPEG with a colour profile".

    Args:
      image: the opened file.
      content: its file's bytes.
      turned: whether EXIF or XMP requires a rotation.
      converted: whether a colour profile changes its colours.
    """
    kind = _NAMES.get(image.format or "", image.format or "image")
    if image.format == "PNG":
        kind = f"{content[24]}-bit {_PNG_COLOURS.get(content[25], 'unknown')} PNG"
    elif image.format == "BMP":
        kind = _bmp(content)
    elif kind == "JPEG" and image.mode != "RGB":
        kind = f"{'grey' if image.mode == 'L' else image.mode} JPEG"
    if image.mode in ("P", "L", "1", "RGB", "I;16") and "transparency" in image.info:
        kind += " with transparency"
    if converted:
        kind += " with a colour profile"
    return f"{kind} that is turned" if turned else kind


def _bmp(content: bytes) -> str:
    (size,) = struct.unpack_from("<I", content, 14)
    (bits,) = struct.unpack_from("<H", content, 24 if size == _BMP_CORE else 28)
    (compression,) = (0,) if size == _BMP_CORE else struct.unpack_from("<I", content, 30)
    return f"{bits}-bit BMP{', run-length' if compression in _BMP_RUN_LENGTH else ''}"
