"""Finds the files that a manifest names; nothing outside of the data folder is ever opened.

A path is relative to a base, absolute, or a ``file:`` URI. The folder it leads to is resolved, links
included, and must lie in the data folder; the file itself may be a link, which ingest judges.
"""

import os
import re
import stat
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from data.layout import walk
from data.sources.row_problems import Fault

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):/")
_MOST_FOLDERS = 100_000
_USUAL_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".tif", ".webp", ".bmp")
_LOOKED_INTO = 50


class Found(NamedTuple):
    """A file that exists.

    Attributes:
      path: relative to the data folder, with forward slashes.
      size_bytes, modified_ns: of the file; of a link, its own.
    """

    path: str
    size_bytes: int
    modified_ns: int


class ImagePaths:
    """The files below a data folder.

    Args:
      root: the data folder.
      base: the folder that relative paths begin at.
      suffix: added to names that do not end so.
      alternatives: a path that leads to no file → other paths to try.
    """

    def __init__(
        self,
        root: Path,
        base: Path,
        suffix: str = "",
        alternatives: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> None:
        self._root = os.path.realpath(root)
        self._base = os.path.abspath(base)
        self._suffix = suffix
        self._alternatives = alternatives
        self._folders: dict[str, tuple[str, str] | None] = {}

    def find(self, name: str) -> Found | Fault:
        """Returns the file of a path, or why there is none."""
        name = name.strip()
        if not name:
            return Fault.NO_PATH
        scheme = _SCHEME.match(name)
        if scheme:
            local = _local(name) if scheme[1].lower() == "file" else None
            if local is None:
                return Fault.REMOTE
            name = local
        found = self._look(name)
        if isinstance(found, Found):
            return found
        for other in self._others(name):
            tried = self._look(other)
            if isinstance(tried, Found):
                return tried
        return found

    @property
    def base(self) -> Path:
        """Returns the folder that relative paths begin at."""
        return Path(self._base)

    def folders(self) -> list[str]:
        """Returns the names of the first few folders in the base."""
        try:
            return walk.folders(Path(self._base))[:_LOOKED_INTO]
        except OSError:
            return []

    def exists(self, name: str) -> bool:
        """Returns whether a path leads to a file as it is."""
        return isinstance(self._look(name), Found)

    def _others(self, name: str) -> Iterator[str]:
        """Yields spellings of a path by other systems: backslashes, decomposed letters."""
        yield from self._alternatives(name)
        if "\\" in name:
            name = name.replace("\\", "/")
            yield name
        if not name.isascii():
            yield from (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))

    def _look(self, name: str) -> Found | Fault:
        if self._suffix and not name.endswith(self._suffix):
            name += self._suffix
        folder, _, last = name.rpartition("/")
        if last in ("", ".", ".."):
            return Fault.NO_FILE
        place = self._place(f"{folder}/" if name.startswith("/") else folder)
        if place is None:
            return Fault.OUTSIDE
        try:
            status = os.lstat(place[0] + last)
        except (OSError, ValueError):  # ValueError: zero bytes, or letters that no name has
            return Fault.MISSING
        if stat.S_ISDIR(status.st_mode):
            return Fault.NO_FILE
        return Found(place[1] + last, status.st_size, status.st_mtime_ns)

    def _place(self, folder: str) -> tuple[str, str] | None:
        """Returns a folder, and its path below the root, both with a slash; None if outside."""
        if folder not in self._folders:
            if len(self._folders) >= _MOST_FOLDERS:
                self._folders.clear()
            self._folders[folder] = self._resolved(folder)
        return self._folders[folder]

    def _resolved(self, folder: str) -> tuple[str, str] | None:
        try:
            real = os.path.realpath(os.path.join(self._base, folder))
        except (OSError, ValueError):
            return "\0", ""  # no folder has such a name, and so no file below it
        if real == self._root:
            return f"{real}/".replace("//", "/"), ""
        inside = f"{self._root}/".replace("//", "/")
        if not real.startswith(inside):
            return None
        return f"{real}/", f"{real[len(inside) :]}/"


def _local(uri: str) -> str | None:
    """Returns the path of a ``file:`` URI of this machine."""
    try:
        parts = urllib.parse.urlsplit(uri)
    except ValueError:
        return None
    return urllib.parse.unquote(parts.path) if parts.netloc in ("", "localhost") else None


def advice(name: str, paths: ImagePaths, suffix: str) -> str:
    """Returns what may find a file that is missing: a suffix, a folder; empty if nothing would.

    Args:
      name: the path in the manifest.
      paths: the files.
      suffix: that is already added.
    """
    ends = [""] if suffix or os.path.splitext(name)[1] else ["", *_USUAL_SUFFIXES]
    for folder in ["", *paths.folders()]:
        for end in ends:
            if paths.exists(os.path.join(folder, name + end)):
                flags = f" --labels.suffix {end}" if end else ""
                flags += f" --labels.images-dir {paths.base / folder}" if folder else ""
                return f"{os.path.join(folder, name + end)} exists: try{flags}."
    return ""
