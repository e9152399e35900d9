"""Keeps the feature cache within its limits on disk."""

import logging
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from data import errors

# Left free for the model, its logs and other programs.
RESERVE_BYTES = 1 << 30


def make_room(root: Path, in_use: Collection[Path], needed_bytes: int, max_bytes: int) -> None:
    """Deletes the least recently used stores until the needed space is free.

    Args:
      root: the folder of all stores.
      in_use: the stores of this training, which are kept.
      needed_bytes: the space that is about to be written.
      max_bytes: the maximum size of ``root``.

    Raises:
      errors.UserError: there is still too little space; the message states how much is needed and
        which settings change that.
    """
    sizes = {path: folder_bytes(path) for path in root.iterdir() if path.is_dir()}
    idle = sorted(set(sizes) - set(in_use), key=lambda path: path.stat().st_mtime_ns)
    used = sum(sizes.values())
    while idle and used + needed_bytes > max_bytes:
        oldest = idle.pop(0)
        logging.info("The feature cache is full: deleting %s.", oldest)
        shutil.rmtree(oldest, ignore_errors=True)
        used -= sizes[oldest]
    free = shutil.disk_usage(root).free - RESERVE_BYTES
    if used + needed_bytes > max_bytes or needed_bytes > free:
        raise errors.UserError(
            f"The feature cache needs {gib(needed_bytes)} more beside {gib(used)} in {root};"
            f" --train.cache.max-gib allows {gib(max_bytes)}, and the disk has {gib(max(free, 0))}"
            " to spare. Raise the limit, lower --train.cache.views, or turn the cache off with"
            " --train.cache.views 0."
        )


def available_bytes(root: Path, max_bytes: int) -> int:
    """Returns the space that all stores in ``root`` may take, by the limit and by the disk."""
    return min(max_bytes, shutil.disk_usage(root).free - RESERVE_BYTES + folder_bytes(root))


def folder_bytes(folder: Path) -> int:
    """Adds up the sizes of the files in a folder."""
    return sum(
        os.path.getsize(os.path.join(place, name))
        for place, _, names in os.walk(folder)
        for name in names
    )


def gib(size_bytes: float) -> str:
    """Formats a size in GiB."""
    return f"{size_bytes / 2**30:.2g} GiB"
