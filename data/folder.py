"""Class folders on disk → a sorted listing and its fingerprint. Reads names and sizes only.

Two layouts::

    <root>/<class>/…/image                              the pipeline makes the splits
    <root>/{train,val|valid|validation,test}/<class>/…/image    the splits are given

What no layout covers (hidden and system files, files outside a class folder) is counted as
ignored, so that listed + ignored = files found.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data import errors

SPLIT_OF_FOLDER = {
    "train": "train",
    "training": "train",
    "val": "eval",
    "valid": "eval",
    "validation": "eval",
    "eval": "eval",
    "test": "test",
}
SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "icon\r"})


@dataclass(frozen=True, order=True)
class ImageFile:
    """One file below a class folder.

    Attributes:
      path: relative to the root, with forward slashes.
      class_name: the name of its class folder.
      split: "train", "eval" or "test" where the layout gives it, else None.
      size_bytes: its size.
      modified_ns: its modification time in nanoseconds since the epoch.
    """

    path: str
    class_name: str
    split: str | None
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True)
class Listing:
    """All files below a root, sorted by path.

    Attributes:
      root: the folder that was listed.
      files: what may be images.
      ignored: how many hidden, system and stray files were passed over.
    """

    root: Path
    files: tuple[ImageFile, ...]
    ignored: int

    @property
    def class_names(self) -> list[str]:
        """The names of the class folders that hold a file, sorted."""
        return sorted({file.class_name for file in self.files})

    @property
    def given_splits(self) -> set[str]:
        """The splits that the layout gives; empty where the pipeline makes them."""
        return {file.split for file in self.files if file.split is not None}

    @property
    def size_bytes(self) -> int:
        """The sum of the sizes of all listed files."""
        return sum(file.size_bytes for file in self.files)

    def fingerprint(self) -> str:
        """A sha256 in hex that changes when any path, size or modification time does."""
        digest = hashlib.sha256()
        for file in self.files:
            line = f"{file.path}\0{file.size_bytes}\0{file.modified_ns}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def scan(root: str | Path) -> Listing:
    """Lists a folder of class folders.

    Raises:
      errors.DataError: the root is missing, is no folder, cannot be read or holds no class.
    """
    root = Path(root)
    if not root.exists():
        raise errors.DataError(f"The data folder {root} does not exist.")
    if not root.is_dir():
        raise errors.DataError(
            f"The data folder {root} is a file; a folder of class folders is needed."
        )
    try:
        tops = [name for name in sorted(os.listdir(root)) if not _is_system(name)]
    except OSError as error:
        raise errors.DataError(
            f"The data folder {root} cannot be read: {error.strerror}."
        ) from error
    folders = [name for name in tops if (root / name).is_dir()]
    split_folders = _split_folders(root, folders)
    files, ignored = [], 0
    for path, size_bytes, modified_ns in _walk(root):
        parts = path.split("/")
        class_depth = 1 if split_folders else 0
        named = len(parts) > class_depth + 1 and not any(_is_system(part) for part in parts)
        if not named or (split_folders and parts[0] not in split_folders):
            ignored += 1
            continue
        split = split_folders.get(parts[0])
        files.append(ImageFile(path, parts[class_depth], split, size_bytes, modified_ns))
    return Listing(root, tuple(sorted(files)), ignored)


def check(listing: Listing) -> None:
    """Refuses a listing that cannot make a classifier, with a hint at what was meant.

    Raises:
      errors.DataError: no file, fewer than two classes, or no training split.
    """
    root, names = listing.root, listing.class_names
    layouts = f"{root}/<class>/… or {root}/{{train,val,test}}/<class>/…"
    if not listing.files:
        stray = f", though {listing.ignored} files lie outside of any" if listing.ignored else ""
        raise errors.DataError(
            f"The data folder {root} holds no image in a class folder{stray}. Expected {layouts}."
        )
    if len(names) < 2:
        inner = [entry.name for entry in sorted(Path(root, names[0]).glob("*/"))]
        hint = f" Did you mean --data-dir {root / names[0]}?" if len(inner) > 1 else ""
        raise errors.DataError(
            f"The data folder {root} holds one class, {names[0]!r}; a classifier needs at least two."
            f" Expected {layouts}.{hint}"
        )
    if listing.given_splits and "train" not in listing.given_splits:
        raise errors.DataError(f"The split folder {root}/train holds no file in a class folder.")


def _split_folders(root: Path, folders: list[str]) -> dict[str, str]:
    """Folder name → split, where the layout has split folders; else empty.

    A class may be called "train" too: it is a split only when it holds folders and no file.
    """
    splits = {
        name: SPLIT_OF_FOLDER[name.lower()] for name in folders if name.lower() in SPLIT_OF_FOLDER
    }
    trains = [name for name, split in splits.items() if split == "train"]
    if not trains:
        return {}
    for name in trains:
        children = [child for child in (root / name).iterdir() if not _is_system(child.name)]
        if not children or not all(child.is_dir() for child in children):
            return {}
    return splits


def _walk(root: Path) -> Iterator[tuple[str, int, int]]:
    """Yields (relative path, bytes, modification ns) of every file, links to files included."""
    for folder, folder_names, file_names in os.walk(root, followlinks=False):
        folder_names.sort()
        prefix = os.path.relpath(folder, root)
        for name in sorted(file_names):
            path = name if prefix == "." else f"{prefix}/{name}".replace(os.sep, "/")
            stat = os.lstat(os.path.join(folder, name))
            yield path, stat.st_size, stat.st_mtime_ns


def _is_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_NAMES
