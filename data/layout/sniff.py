"""Inspects a few files: whether one begins like an image, and the contents of a folder.

Reads the first bytes of a bounded number of files and starts no decoder: only decoding shows
whether an image is valid.
"""

import enum
import functools
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from data.images import decode, heif
from data.layout import names

# The most files of a folder that are opened because their names do not indicate a format.
NAMELESS_LOOKS = 3
_SIGNATURE_BYTES = 16  # the input of Pillow's own recognition


class Verdict(enum.Enum):
    """The kind of a file by its first bytes."""

    IMAGE = enum.auto()
    NO_IMAGE = enum.auto()
    NEEDS_EXTRA = enum.auto()  # HEIF without the library that reads it
    LINK_OUTSIDE = enum.auto()
    UNREADABLE = enum.auto()


@dataclass(frozen=True)
class Peek:
    """The direct contents of a folder, without hidden and system entries.

    Attributes:
      folders: the names of its folders, sorted; links do not count.
      has_image: whether an image file lies beside them.
    """

    folders: tuple[str, ...]
    has_image: bool


def peek(folder: Path, ignored_prefix: str = ".") -> Peek:
    """Lists the names in a folder, and opens a few files whose names do not indicate a format.

    Args:
      folder: the folder; one that cannot be listed counts as empty.
      ignored_prefix: entries whose names begin with it are skipped, as are system files.
    """
    folders, nameless, has_image = [], [], False
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if names.is_system(entry.name) or entry.name.startswith(ignored_prefix):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif names.has_image_suffix(entry.name):
                    has_image = True
                elif not names.has_suffix(entry.name):
                    nameless.append(entry.name)
    except OSError:
        return Peek((), False)
    has_image = has_image or any_image(folder, sorted(nameless))
    return Peek(tuple(sorted(folders)), has_image)


def any_image(folder: Path, nameless: Sequence[str]) -> bool:
    """Returns whether one of the first few files without a suffix is an image."""
    looked_at = nameless[:NAMELESS_LOOKS]
    return any(look(folder, name) is Verdict.IMAGE for name in looked_at)


def look(root: Path, path: str) -> Verdict:
    """Reads the first bytes of a file; never a device, never through a link out of the root.

    Args:
      root: the data folder.
      path: of the file, relative to the root.
    """
    full = root / path
    try:
        if full.is_symlink() and not full.resolve().is_relative_to(root.resolve()):
            return Verdict.LINK_OUTSIDE
        if not stat.S_ISREG(os.stat(full).st_mode):
            return Verdict.NO_IMAGE
        with full.open("rb") as file:
            header = file.read(heif.HEADER_BYTES)
    except PermissionError:
        return Verdict.UNREADABLE
    except OSError:
        return Verdict.NO_IMAGE
    if heif.needs_extra(header):
        return Verdict.NEEDS_EXTRA
    named_so = os.path.splitext(path)[1].lower() in _suffixes_without_signature()
    return Verdict.IMAGE if header and (named_so or _is_signature(header)) else Verdict.NO_IMAGE


def _is_signature(header: bytes) -> bool:
    """Returns whether a supported format begins with these bytes."""
    for name in decode.formats():
        accept = Image.OPEN[name][1]
        try:
            # A string instead of True means that this Pillow was built without the format.
            if accept and accept(header[:_SIGNATURE_BYTES]) is True:
                return True
        except Exception:  # noqa: S112 -- too short for this format
            continue
    return False


@functools.cache
def _suffixes_without_signature() -> frozenset[str]:
    """Returns the suffixes of formats, such as TGA, whose files have no signature."""
    bare = {name for name in decode.formats() if Image.OPEN[name][1] is None}
    return frozenset(end for end, name in Image.registered_extensions().items() if name in bare)
