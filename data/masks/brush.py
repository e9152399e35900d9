"""The strokes of Label Studio's brush: packed run lengths of an image's RGBA values.

Format: ``rle-pack`` of thi.ng, which Label Studio's editor writes and its converter's ``brush.py`` reads: the
number of values in 32 bits, the bits of a value less one in 5, four lengths of counters less one in 4 each; then
blocks of a flag, the index of a counter's length in 2, a count less one, and one value that is repeated, or as
many values. The fourth value of a pixel is its opacity.

Dimension letters: H W image.
"""

from collections.abc import Sequence

import numpy as np

from data.images import decode_config

CHANNELS = 4


def runs(packed: Sequence[int], size: tuple[int, int]) -> tuple[int, ...]:
    """Returns the run lengths of the painted pixels down the columns, beginning with unpainted ones.

    Args:
      packed: bytes, 0–255 each.
      size: H and W.

    Raises:
      ValueError: the bytes are no such strokes, or of another size.
    """
    height, width = size
    if height < 1 or width < 1 or height * width > decode_config.MAX_PIXELS:
        raise ValueError(f"brush strokes on an image of {width}×{height} pixels")
    opacity = unpacked(bytes(packed), height * width * CHANNELS)[CHANNELS - 1 :: CHANNELS]
    painted = (opacity > 0).reshape(height, width).T.ravel()
    bounds = np.flatnonzero(np.diff(painted)) + 1
    lengths = np.diff(np.concatenate([[0], bounds, [painted.size]])).tolist()
    return tuple([0, *lengths] if painted[0] else lengths)


def unpacked(packed: bytes, count: int) -> np.ndarray:
    """Unpacks values, uint8 [count].

    Raises:
      ValueError: the bytes end early, or hold another number of values.
    """
    bits = "".join(f"{byte:08b}" for byte in packed)
    place = 0

    def read(length: int) -> int:
        nonlocal place
        if place + length > len(bits):
            raise ValueError("brush strokes that end early")
        place += length
        return int(bits[place - length : place], 2)

    if read(32) != count:
        raise ValueError(f"brush strokes that are not of {count} values")
    word = read(5) + 1
    lengths = [read(4) + 1 for _ in range(4)]
    if word > 8:
        raise ValueError(f"brush strokes with values of {word} bits")
    values, filled = np.zeros(count, np.uint8), 0
    while filled < count:
        is_repeated, length = read(1), lengths[read(2)]
        end = filled + 1 + read(length)
        if end > count:
            raise ValueError(f"brush strokes of more than {count} values")
        if is_repeated:
            values[filled:end] = read(word)
        else:
            values[filled:end] = [read(word) for _ in range(end - filled)]
        filled = end
    return values
