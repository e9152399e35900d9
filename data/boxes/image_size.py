"""The size of an image that its boxes refer to: that of its file, not of what is stored.

Ingest may store an image turned or smaller.
"""

import io

from PIL import ExifTags, Image

from data.boxes.resolve import Size
from data.images import decode


def known(info: decode.ImageInfo) -> Size | None:
    """Returns the size of an image file as decoding found it; None if an older version decoded it."""
    if info.file_width and info.file_height:
        return Size(info.file_width, info.file_height, lambda: info.orientation)
    return None if info.reencoded else Size(info.width, info.height)


def measure(content: bytes, info: decode.ImageInfo) -> Size:
    """Returns the size of an image file.

    Args:
      content: its bytes, which were decoded in a decoding process before.
      info: what was found there.
    """
    size = known(info)
    if size is not None:
        return size
    with Image.open(io.BytesIO(content), formats=[info.source_format]) as image:
        width, height = image.size
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    if orientation in range(5, 9):
        width, height = height, width
    return Size(width, height, lambda: orientation)
