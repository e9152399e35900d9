"""A quick look at a few files: whether one begins as an image, and what a folder holds.

Of a bounded number of files the first bytes are read, and no decoder is started: whether an image
is sound, decoding tells.
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

# Of the files whose names say nothing, so many of a folder are looked into.
NAMELESS_LOOKS = 3
_SIGNATURE_BYTES = 16  # what Pillow's own recognition is given


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
    """Tells whether a format that is opened begins so."""
    for name in decode.formats():
        accept = Image.OPEN[name][1]
        try:
            # A string, and not True, says that this Pillow was built without the format.
            if accept and accept(header[:_SIGNATURE_BYTES]) is True:
                return True
        except Exception:  # noqa: S112 -- too short for this format
            continue
    return False


@functools.cache
def _suffixes_without_signature() -> frozenset[str]:
    """The suffixes of formats, such as TGA, whose files begin with nothing of their own."""
    bare = {name for name in decode.formats() if Image.OPEN[name][1] is None}
    return frozenset(end for end, name in Image.registered_extensions().items() if name in bare)
