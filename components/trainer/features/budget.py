"""Keeping the feature cache within its bounds on disk."""

import logging
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from data import errors

# Left free for the model, its logs and whatever else the machine does.
RESERVE_BYTES = 1 << 30


def make_room(root: Path, in_use: Collection[Path], needed_bytes: int, max_bytes: int) -> None:
    """Deletes stores that no one asked for lately until what is needed fits.

    Args:
      root: the folder of all stores.
      in_use: the stores of this training, which stay.
      needed_bytes: what is about to be written.
      max_bytes: the most that ``root`` may take.

    Raises:
      errors.UserError: it does not fit even so; the message says how much is needed, and what
        can be set.
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
            " to spare. Raise the bound, lower --train.cache.views, or turn the cache off with"
            " --train.cache.views 0."
        )


def available_bytes(root: Path, max_bytes: int) -> int:
    """The most that stores in ``root`` may take in all, by the bound and by the disk."""
    return min(max_bytes, shutil.disk_usage(root).free - RESERVE_BYTES + folder_bytes(root))


def folder_bytes(folder: Path) -> int:
    """What the files in a folder take."""
    return sum(
        os.path.getsize(os.path.join(place, name))
        for place, _, names in os.walk(folder)
        for name in names
    )


def gib(size_bytes: float) -> str:
    """A size for people."""
    return f"{size_bytes / 2**30:.2g} GiB"
