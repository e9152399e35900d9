"""Walks a folder: sorted, every file once, without following links."""

import os
import stat
from collections.abc import Container, Iterator, Set
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """A file, or a folder that is not entered.

    Attributes:
      name: within its folder.
      is_folder: a link to a folder, or a folder that cannot be listed.
      is_link: a symbolic link.
      size_bytes: its size; 0 if it has been deleted meanwhile.
      modified_ns: its modification time in nanoseconds since the epoch.
    """

    name: str
    is_folder: bool
    is_link: bool
    size_bytes: int
    modified_ns: int


def walk(
    root: Path, skipped: Set[str] = frozenset(), left_out: Container[str] = ()
) -> Iterator[tuple[str, list[Entry]]]:
    """Yields the folders below a root, sorted, each with its files sorted by name.

    Args:
      root: where to begin.
      skipped: folders directly below the root to leave out.
      left_out: paths of files, relative to the root, to leave out.

    Yields:
      The path of the folder relative to the root with a slash at its end, "" for the root; its
      files. A folder that cannot be listed is yielded among the files of its parent.
    """
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder[:-1])) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            if not folder:
                raise
            parent, name = os.path.split(folder.rstrip("/"))
            yield f"{parent}/" if parent else "", [Entry(name, True, False, 0, 0)]
            continue
        folders, files = [], []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if folder or entry.name not in skipped:
                    folders.append(f"{folder}{entry.name}/")
            elif f"{folder}{entry.name}" not in left_out:
                files.append(_entry(entry))
        yield folder, files
        waiting += reversed(folders)


def folders(root: Path) -> list[str]:
    """Returns the names of the folders in a folder, sorted; links to folders do not count."""
    with os.scandir(root) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def _entry(entry: os.DirEntry) -> Entry:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:  # it has been deleted since; reading it will report that
        return Entry(entry.name, False, False, 0, 0)
    is_link = stat.S_ISLNK(status.st_mode)
    is_folder = is_link and _leads_to_folder(entry)
    return Entry(entry.name, is_folder, is_link, status.st_size, status.st_mtime_ns)


def _leads_to_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False
