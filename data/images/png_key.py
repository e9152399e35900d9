"""Reads the transparent colour of a PNG as specified: Pillow assumes that it has 8 bits."""

from PIL import Image

_MAGIC = b"\x89PNG"
_DEPTH_AT = 24


def is_unclear(image: Image.Image, content: bytes) -> bool:
    """Returns whether a PNG has a transparent colour of 16 bits, of which Pillow keeps 8.

    Args:
      image: an image with its header read.
      content: its file's bytes.
    """
    return image.mode == "RGB" and "transparency" in image.info and _depth(content) == 16


def correct(image: Image.Image, content: bytes) -> None:
    """Scales the transparent grey of a PNG of 2 or 4 bits as Pillow scales the pixels.

    Source: PNG (third edition), 11.3.1.1: the key is a sample of the image's own bit depth.

    Args:
      image: a loaded image; images other than such PNGs are left unchanged.
      content: its file's bytes.
    """
    depth, key = _depth(content), image.info.get("transparency")
    if image.mode == "L" and depth in (2, 4) and isinstance(key, int):
        largest = (1 << depth) - 1
        image.info["transparency"] = (key & largest) * 255 // largest


def _depth(content: bytes) -> int:
    """Returns the bits per sample of a PNG; 0 for other files."""
    return content[_DEPTH_AT] if content.startswith(_MAGIC) else 0
