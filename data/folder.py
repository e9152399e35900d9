"""Class folders on disk → a sorted listing and its fingerprint. Reads names and sizes only.

Two layouts::

    <root>/<class>/…/image                              the pipeline makes the splits
    <root>/{train,val|valid|validation,test}/<class>/…/image    the splits are given

Each may lie below spans, ``<root>/span-2/…`` or ``<root>/2031-05-01/…``. What no layout covers
(hidden and system files, files outside a class folder) is counted as ignored, so that
listed + ignored = files found.
"""

import hashlib
import os
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from data import errors
from data import spans as span_folders

SPLIT_OF_FOLDER = {
    "train": "train",
    "training": "train",
    "val": "eval",
    "valid": "eval",
    "validation": "eval",
    "eval": "eval",
    "test": "test",
}
SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "__macosx", "icon\r", "_success"})
DEFAULT_SPANS = span_folders.SpanConfig()


@dataclass(frozen=True, order=True)
class ImageFile:
    """One file below a class folder, or one folder that cannot be looked into.

    Attributes:
      path: relative to the root, with forward slashes.
      class_name: the name of its class folder.
      split: "train", "eval" or "test" where the layout gives it, else None.
      size_bytes: its size.
      modified_ns: its modification time in nanoseconds since the epoch.
      span: the number of its span; None where the layout has no spans.
    """

    path: str
    class_name: str
    split: str | None
    size_bytes: int
    modified_ns: int
    span: int | None = None


@dataclass(frozen=True)
class Listing:
    """All files below a root, sorted by path.

    Attributes:
      root: the folder that was listed.
      files: what may be images.
      ignored: how many hidden, system and stray files were passed over.
      spans: the spans listed, oldest first; empty where the layout has none.
      fixed: spans before the window, listed too; only their test images are used.
      incomplete: the spans that lack their ``_SUCCESS``, where only complete ones count.
    """

    root: Path
    files: tuple[ImageFile, ...]
    ignored: int
    spans: tuple[span_folders.Span, ...] = ()
    fixed: tuple[span_folders.Span, ...] = ()
    incomplete: tuple[span_folders.Span, ...] = ()

    @property
    def window_files(self) -> list[ImageFile]:
        """The files without those of the fixed spans."""
        fixed = {span.number for span in self.fixed}
        return [file for file in self.files if file.span is None or file.span not in fixed]

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


def scan(root: str | Path, config: span_folders.SpanConfig = DEFAULT_SPANS) -> Listing:
    """Lists a folder of class folders.

    Args:
      root: the data folder.
      config: which folders are spans, and how many of them are used.

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
        folders = _folders(root)
    except OSError as error:
        raise errors.DataError(
            f"The data folder {root} cannot be read: {error.strerror}."
        ) from error
    found = span_folders.find(root, folders, config)
    complete = [
        span for span in found if not config.complete_only or span_folders.is_complete(root, span)
    ]
    used = complete[-config.window :] if config.window else complete
    files: list[ImageFile] = []
    ignored = 0
    fixed = [span for span in complete[: config.fixed_test] if span not in used]
    for span in (*fixed, *used):
        listed, passed_over = _scan_layout(root, span.folder + "/", span.number)
        files += listed
        ignored += passed_over
    if found:
        # Spans before the window, and those still being written, are not looked into.
        ignored += sum(1 for _ in _walk(root, {span.folder for span in found}))
    else:
        files, ignored = _scan_layout(root, "", None)
    incomplete = tuple(span for span in found if span not in complete)
    return Listing(root, tuple(sorted(files)), ignored, tuple(used), tuple(fixed), incomplete)


def _scan_layout(root: Path, prefix: str, span: int | None) -> tuple[list[ImageFile], int]:
    """Lists the class folders below ``root/prefix``; also counts what is ignored there."""
    base = root / prefix
    split_folders = _split_folders(base, _folders(base))
    class_depth = 1 if split_folders else 0
    files, ignored = [], 0
    for path, is_folder, size_bytes, modified_ns in _walk(base):
        parts = path.split("/")
        # A folder that cannot be looked into may be a class's own.
        named = len(parts) > class_depth + (0 if is_folder else 1)
        outside = split_folders and parts[0] not in split_folders
        if not named or outside or any(_is_system(part) for part in parts):
            ignored += 1
        else:
            split = split_folders.get(parts[0])
            class_name = parts[class_depth]
            files.append(ImageFile(prefix + path, class_name, split, size_bytes, modified_ns, span))
    return files, ignored


def printable(path: str) -> str:
    """A path or name as it can be printed: bytes that are no UTF-8 are shown escaped."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def check(listing: Listing, allow_missing_classes: bool = False) -> None:
    """Refuses a listing that cannot make a classifier, with a hint at what was meant.

    Args:
      listing: of the data folder.
      allow_missing_classes: let a split folder lack a class that another one has.

    Raises:
      errors.DataError: no file, fewer than two classes, no training split, or a class that is
        missing from a split folder.
    """
    root, names = listing.root, listing.class_names
    layouts = f"{root}/<class>/… or {root}/{{train,val,test}}/<class>/…"
    if not listing.files:
        stray = f", though {listing.ignored} files lie outside of any" if listing.ignored else ""
        if listing.incomplete:
            waiting = ", ".join(span.folder for span in listing.incomplete[:3])
            stray = f"; no {span_folders.MARKER} is in {waiting} yet"
        raise errors.DataError(
            f"The data folder {root} holds no image in a class folder{stray}. Expected {layouts}."
        )
    garbled = [printable(name) for name in names if printable(name) != name]
    if garbled:
        raise errors.DataError(
            f"The names of the class folders {', '.join(garbled)} in {root} are no UTF-8; the model"
            " is to say them, so rename the folders. File names may be any."
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
    missing = [] if allow_missing_classes else _missing_classes(listing)
    if missing:
        raise errors.DataError(
            *missing,
            "Is a folder misspelt? --ingest.allow-missing-classes true goes on without them.",
        )


def _missing_classes(listing: Listing) -> list[str]:
    """One sentence for each given split that lacks classes which another split has."""
    names: dict[str, set[str]] = {}
    for file in listing.files:
        if file.split is not None:
            names.setdefault(file.split, set()).add(file.class_name)
    every = set().union(*names.values()) if names else set()
    return [
        f"The {split} folder of {listing.root} lacks"
        f" {', '.join(repr(name) for name in sorted(every - found))}, which other split folders have."
        for split, found in sorted(names.items())
        if every - found
    ]


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


def _folders(root: Path) -> list[str]:
    names = (name for name in sorted(os.listdir(root)) if not _is_system(name))
    return [name for name in names if (root / name).is_dir()]


def _walk(root: Path, skipped: Set[str] = frozenset()) -> Iterator[tuple[str, bool, int, int]]:
    """Yields every file below a folder, and every folder that cannot be looked into.

    Links are yielded, never followed. ``skipped`` names folders right below the root.

    Yields:
      Relative path, whether it is a folder or a link to one, bytes, modification time in ns.
    """
    unreadable: list[str] = []
    walk = os.walk(root, followlinks=False, onerror=lambda error: unreadable.append(error.filename))
    for folder, folder_names, file_names in walk:
        if folder == str(root):
            folder_names[:] = [name for name in folder_names if name not in skipped]
        folder_names.sort()
        links = [name for name in folder_names if os.path.islink(os.path.join(folder, name))]
        for name in sorted([*file_names, *links]):
            yield _entry(root, os.path.join(folder, name), name in links)
    for folder in unreadable:
        yield _entry(root, folder, True)


def _entry(root: Path, path: str, is_folder: bool) -> tuple[str, bool, int, int]:
    relative = os.path.relpath(path, root).replace(os.sep, "/")
    try:
        status = os.lstat(path)
    except OSError:  # it has gone since; reading it will say so
        return relative, is_folder, 0, 0
    return relative, is_folder, status.st_size, status.st_mtime_ns


def _is_system(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_NAMES
