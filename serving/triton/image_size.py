"""How much work an image is, from its headers alone: no limit helps once it is decoded.

The backend has a copy of this file beside it, and nothing else of the project.
"""

import io

from PIL import Image

FORMATS = ("JPEG", "PNG", "GIF", "BMP")  # what TensorFlow decodes
TOO_LARGE = 1 << 62
# Sound progressive JPEGs have about ten. Each goes over all pixels, and takes but a few bytes.
_USUAL_SCANS = 32
_MAX_GIF_BLOCKS = 1 << 20
_START_OF_SCAN = b"\xff\xda"
_EXTENSION, _FRAME = 0x21, 0x2C


def pixels(encoded: bytes) -> int:
    """Height × width of an image, of all frames of a GIF, and more for a JPEG of many scans.

    TensorFlow decodes all frames of a GIF where its first alone is wanted, and each may be larger
    than the screen that the header tells of.

    Returns:
      0 where it is no image that TensorFlow decodes.
    """
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            size, form = int(image.width * image.height), image.format
    except Image.DecompressionBombError:
        return TOO_LARGE
    except Exception:  # what is no image is for the graph to say
        return gif_pixels(encoded) if encoded[:3] == b"GIF" else 0
    if form == "GIF":
        return max(size, gif_pixels(encoded))
    if form == "JPEG":
        return size * (1 + encoded.count(_START_OF_SCAN) // _USUAL_SCANS)
    return size


def gif_pixels(encoded: bytes) -> int:
    """Height × width of the frames of a GIF in all. Source: GIF89a, appendices A and B."""
    length = len(encoded)
    position = 13 + _colours(encoded[10]) if length > 10 else length
    total = blocks = 0
    while position < length:
        if encoded[position] == _FRAME and position + 10 < length:
            sides = encoded[position + 5 : position + 9]
            width, height = sides[0] | sides[1] << 8, sides[2] | sides[3] << 8
            total += width * height
            position += 11 + _colours(encoded[position + 9])
        elif encoded[position] == _EXTENSION:
            position += 2
        else:
            break
        while position < length and encoded[position]:
            position += 1 + encoded[position]
            blocks += 1
            if blocks > _MAX_GIF_BLOCKS:
                return TOO_LARGE
        position += 1
    return total


def _colours(flags: int) -> int:
    """The bytes of the table of colours that follows."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
