"""Remembers what colour profiles do to pixels, and does it to the pixels of decoded images.

The SavedModel's graph reads the profile of each file anew, and builds tables of it in hundreds of small operations.
They depend on the profile and the number of channels alone, and cameras and editors write few different profiles.
So the backend, beside which this file lies, asks the graph once for the tables and looks pixels up in them. The
results are equal bit for bit. Dimension letters: H, W height and width, N pixels.
"""

import collections
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# 28 KB each.
MAX_REMEMBERED = 128
# Outcomes of the graph: pixels stay as they are, are converted, or the complete graph must say why not.
UNCHANGED, CONVERTED = 0, 1
_BITS = 14
# The intermediate values of so many pixels fit into the cache of a core.
_BLOCK_PIXELS = 8192


@dataclass(frozen=True)
class Tables:
    """The conversion of a profile.

    Attributes:
      rows: int32 [3, 256, 4]: channel in, its level, channel out and a zero, with which NumPy looks up faster.
      offset: added to the sum of three rows, of which the lower 14 bits are then dropped.
      levels: uint8 [16385], for the remaining value, clipped to that range.
    """

    rows: np.ndarray
    offset: int
    levels: np.ndarray

    def convert(self, pixels: np.ndarray) -> np.ndarray:
        """Converts uint8 [H, W, 3] to uint8 [H, W, 3]."""
        flat = pixels.reshape(-1, 3)
        converted = np.empty(flat.shape, np.uint8)
        for start in range(0, len(flat), _BLOCK_PIXELS):
            block = flat[start : start + _BLOCK_PIXELS].T.astype(np.intp)
            # No index is out of range; NumPy is quicker if it need not raise for one.
            sums = self.rows[0].take(block[0], axis=0, mode="clip")
            sums += self.rows[1].take(block[1], axis=0, mode="clip")
            sums += self.rows[2].take(block[2], axis=0, mode="clip")
            sums += self.offset
            sums >>= _BITS
            place = converted[start : start + _BLOCK_PIXELS]
            self.levels.take(sums[:, :3], mode="clip", out=place)
        return converted.reshape(pixels.shape)


def tables(rows: np.ndarray, offset: int, levels: np.ndarray) -> Tables:
    """Makes tables of those of the graph: ``rows`` int32 [3, 256, 3]."""
    return Tables(np.pad(rows, [(0, 0), (0, 0), (0, 1)]), int(offset), levels)


@dataclass(frozen=True)
class Colours:
    """What is done to the pixels of an image: nothing without tables."""

    tables: Tables | None = None


# Returns what the graph does to the pixels of a file; None if it refuses its profile.
Ask = Callable[[bytes], Colours | None]


class Memory:
    """Remembers what profiles do; the one that was not used for longest is forgotten first.

    Args:
      ask: is called once for each profile and number of channels.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: collections.OrderedDict[tuple[bytes, int], Colours | None] = (
            collections.OrderedDict()
        )

    def colours(self, profile: bytes, channels: int, encoded: bytes) -> Colours | None:
        """Returns what is done to the pixels of an image; None if only the complete graph may read it.

        Args:
          profile: its colour profile; empty if it has none.
          channels: of the file.
          encoded: the file.
        """
        if not profile:
            return Colours()
        key = (hashlib.sha256(profile).digest(), channels)
        if key in self._known:
            self._known.move_to_end(key)
        else:
            self._known[key] = self._ask(encoded)
            if len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]
