"""A quick look at a few files: whether one begins as an image, and what a folder holds.

Only headers are read, of a bounded number of files; whether an image is sound, decoding tells.
"""

import enum
import os
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from data import decode, heif
from data.layout import names

# Of the files whose names say nothing, so many of a folder are looked into.
NAMELESS_LOOKS = 3


class Verdict(enum.Enum):
    """What a file's first bytes say."""

    IMAGE = enum.auto()
    NO_IMAGE = enum.auto()
    NEEDS_EXTRA = enum.auto()  # HEIF without the library that reads it
    LINK_OUTSIDE = enum.auto()
    UNREADABLE = enum.auto()


@dataclass(frozen=True)
class Peek:
    """What lies right in a folder, hidden and system entries left out.

    Attributes:
      folders: the names of its folders, sorted; links are none.
      has_image: whether an image file lies beside them.
    """

    folders: tuple[str, ...]
    has_image: bool


def peek(folder: Path, ignored_prefix: str = ".") -> Peek:
    """Looks at the names in a folder, and into a few files whose names say nothing.

    Args:
      folder: the folder; one that cannot be listed counts as empty.
      ignored_prefix: entries whose names begin so are passed over, as are system files.
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
    """Tells whether one of the first few files without a suffix is an image."""
    looked_at = nameless[:NAMELESS_LOOKS]
    return any(look(folder, name) is Verdict.IMAGE for name in looked_at)


def look(root: Path, path: str) -> Verdict:
    """Reads the header of a file; never a device, never through a link out of the root.

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
        with full.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if heif.needs_extra(file.read(heif.HEADER_BYTES)):
                return Verdict.NEEDS_EXTRA
            file.seek(0)
            with Image.open(file, formats=decode.formats()):
                return Verdict.IMAGE
    except UnidentifiedImageError:
        return Verdict.NO_IMAGE
    except Image.DecompressionBombError:
        return Verdict.IMAGE
    except PermissionError:
        return Verdict.UNREADABLE
    except Exception:  # Pillow's plugins raise anything on hostile files
        return Verdict.NO_IMAGE
