"""The size of an image that its boxes refer to: that of its file, not of what is stored.

Ingest may store an image turned or smaller.
"""

import io

from PIL import ExifTags, Image

from data.boxes.resolve import Size
from data.images import decode


def measure(content: bytes, info: decode.ImageInfo) -> Size:
    """Returns the size of an image file.

    Args:
      content: its bytes, which were decoded in a decoding process before.
      info: what was found there.
    """
    if not info.reencoded:
        return Size(info.width, info.height)
    with Image.open(io.BytesIO(content), formats=[info.source_format]) as image:
        width, height = image.size
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    if orientation in range(5, 9):
        width, height = height, width
    return Size(width, height, lambda: orientation)
