"""Images that belong together, such as frames of one film, by a pattern of their paths.

They are not independent of each other, so resampling draws them together. Dimension letters: N images.
"""

import hashlib
from collections.abc import Sequence

from data.splits import split

# A group's number has two parts, each exact in float32, of which TFMA's records are.
PARTS = 2
_PART_BITS = 24
ALONE = (0.0, 0.0)


def number(pattern: str | None, path: str | bytes) -> tuple[float, float]:
    """Returns the number of an image's group as two whole numbers below 2²⁴; ALONE without one.

    Args:
      pattern: as of ingest.split.group-pattern; None: every image is alone.
      path: the image's, as image/filename has it.
    """
    text = path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path
    key = split.group_key(pattern, text)
    if key is None:
        return ALONE
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    high, low = (int.from_bytes(part, "big") for part in (digest[:3], digest[3:6]))
    return float(high), float(max(low, 1))  # never that of ALONE


def keys(pattern: str | None, paths: Sequence[str]) -> list[object] | None:
    """Returns a key for each of N images, equal for those of one group; None: all are alone."""
    if pattern is None:
        return None
    found = ((split.group_key(pattern, path), place) for place, path in enumerate(paths))
    return [place if key is None else key for key, place in found]
