"""Writes PNGs of every bit depth and colour type; Pillow writes only some. C: channels.

Source: PNG (third edition), W3C 2025.
"""

import struct
import zlib
from collections.abc import Iterable

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
Chunk = tuple[bytes, bytes]
# Adam7: first row and column, and the steps, of each pass.
_PASSES = [
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
]


def encode(
    samples: np.ndarray,
    depth: int,
    colour: int,
    before: Iterable[Chunk] = (),
    after: Iterable[Chunk] = (),
    interlaced: bool = False,
) -> bytes:
    """Encodes an image.

    Args:
      samples: integers [H, W, C] in 0–2^depth − 1; for a palette, the indices.
      depth: bits of a sample, one that PNG allows for the colour type.
      colour: GREY, RGB, PALETTE, GREY_ALPHA or RGB_ALPHA.
      before: name and content of the chunks before the pixels, such as the palette.
      after: name and content of the chunks after the pixels.
      interlaced: whether the rows are in Adam7's order.
    """
    height, width = samples.shape[:2]
    passes = [samples[y::dy, x::dx] for y, x, dy, dx in _PASSES] if interlaced else [samples]
    rows = b"".join(_rows(part, depth) for part in passes if part.size)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    chunks = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(rows)), *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def _rows(samples: np.ndarray, depth: int) -> bytes:
    """Returns the packed rows, each preceded by the number of its filter: none."""
    rows = samples.reshape(len(samples), -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(len(rows), -1), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in packed)
