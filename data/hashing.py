"""Content and perceptual hashes of images. Dimension letters: H, W height and width."""

import hashlib

import numpy as np
from PIL import Image

PHASH_SIDE = 8


def sha256(content: bytes) -> str:
    """The sha256 of a file's bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def phash(grey: np.ndarray) -> str:
    """The difference hash of an image: 64 bits that survive resizing and recompression.

    Source: N. Krawetz, "Kind of Like That", 2013. Each bit tells whether an 8×9 thumbnail
    brightens from one pixel to its right neighbour.

    Args:
      grey: uint8 [H, W], in 0–255.

    Returns:
      16 hex digits.
    """
    size = (PHASH_SIDE + 1, PHASH_SIDE)
    thumbnail = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR), np.int16)
    bits = thumbnail[:, 1:] > thumbnail[:, :-1]
    return np.packbits(bits).tobytes().hex()
