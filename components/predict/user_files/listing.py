"""Lists the files to predict and cuts the list into parts, by which a run can resume."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from data import errors

CHUNK_FILES = 256


@dataclass(frozen=True)
class File:
    """One file, or a folder that cannot be listed.

    Attributes:
      path: relative to its root.
      size_bytes: its size; 0 where unknown.
      modified_ns: the time of its last change, in nanoseconds since 1970; 0 where unknown.
    """

    path: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True)
class Chunk:
    """Files of one root that are answered and written together.

    Attributes:
      root: the folder that the paths are relative to; absolute, since workers start elsewhere.
      shown: the root as the user named it.
      files: at most CHUNK_FILES.
      part: the file for the answers about them.
    """

    root: str
    shown: str
    files: tuple[File, ...]
    part: str


@dataclass(frozen=True)
class Listing:
    """The files to predict.

    Attributes:
      files: by root, in the order in which the roots were given; paths ascending.
      hidden: the number of files and folders skipped because their names begin with a dot.
    """

    files: dict[str, tuple[File, ...]]
    hidden: int

    @property
    def count(self) -> int:
        """Returns the number of files."""
        return sum(map(len, self.files.values()))


def scan(places: Sequence[Path]) -> Listing:
    """Lists files and everything below folders; links to folders are listed but not followed.

    Args:
      places: folders and files; duplicates are listed once.

    Raises:
      errors.UserError: some do not exist; the error names all of them.
    """
    missing = [str(place) for place in places if not os.path.lexists(place)]
    if missing:
        raise errors.UserError(*(f"{place} does not exist." for place in missing))
    found: dict[str, dict[str, File]] = {}
    hidden = 0
    for place in places:
        if place.is_dir():
            rows = found.setdefault(str(place), {})
            for path in _walk(str(place)):
                if path is None:
                    hidden += 1
                else:
                    rows[path] = _file(str(place), path)
        else:
            root = str(place.parent)
            found.setdefault(root, {})[place.name] = _file(root, place.name)
    seen: set[str] = set()
    files: dict[str, tuple[File, ...]] = {}
    for root, rows in found.items():
        new = {path: os.path.abspath(os.path.join(root, path)) for path in rows}
        files[root] = tuple(rows[path] for path in sorted(rows) if new[path] not in seen)
        seen |= set(new.values())
    return Listing(files, hidden)


def chunks(listing: Listing, parts: Path, settings: str) -> list[Chunk]:
    """Cuts a list into parts, each with a file name that changes with anything its answers need.

    Args:
      listing: the files.
      parts: the folder for the answers about each part.
      settings: everything else that the answers depend on, such as the model.
    """
    made: list[Chunk] = []
    for root, files in listing.files.items():
        for start in range(0, len(files), CHUNK_FILES):
            chosen = files[start : start + CHUNK_FILES]
            digest = hashlib.sha256(f"{settings}\0{root}\0".encode("utf-8", "surrogateescape"))
            for file in chosen:
                row = f"{file.path}\0{file.size_bytes}\0{file.modified_ns}\0"
                digest.update(row.encode("utf-8", "surrogateescape"))
            name = f"{len(made):06d}-{digest.hexdigest()[:16]}.parquet"
            part = os.path.abspath(parts / name)
            made.append(Chunk(os.path.abspath(root), root, chosen, part))
    return made


def _walk(root: str) -> Iterator[str | None]:
    """Yields the paths below a folder, relative to it; None for a hidden one."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                rows = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield folder or "."  # reading it gives the reason
            continue
        for entry in rows:
            if entry.name.startswith("."):
                yield None
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(os.path.join(folder, entry.name))
            else:
                yield os.path.join(folder, entry.name)


def _file(root: str, path: str) -> File:
    try:
        status = os.lstat(os.path.join(root, path))
    except OSError:
        return File(path, 0, 0)
    return File(path, status.st_size, status.st_mtime_ns)
