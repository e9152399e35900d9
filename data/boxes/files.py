"""The files of a data folder as readers of annotations see them, and what a reader returns."""

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from data.boxes.given import Fault, Given, Problem
from data.files import read_back, user_files
from data.images import decode
from data.layout import names, walk

MAX_ANNOTATION_BYTES = 1 << 30


@dataclass(frozen=True)
class Files:
    """The files below a data folder, by their paths relative to it with forward slashes.

    Attributes:
      root: the data folder.
      images: paths that are named like images, sorted.
      others: all other paths, sorted; hidden and system files are left out.
    """

    root: Path
    images: tuple[str, ...]
    others: tuple[str, ...]

    @classmethod
    def below(cls, root: Path) -> "Files":
        """Lists a data folder."""
        paths = [
            f"{folder}{entry.name}"
            for folder, entries in walk.walk(root)
            for entry in entries
            if not entry.is_folder and not any(map(names.is_system, folder.split("/")[:-1]))
            if not names.is_system(entry.name)
        ]
        images = tuple(sorted(path for path in paths if names.has_image_suffix(path)))
        others = tuple(sorted(set(paths) - set(images)))
        return cls(root, images, others)

    def named(self, *suffixes: str) -> list[str]:
        """Returns the paths of the other files that end in one of some suffixes, in any case."""
        return [path for path in self.others if path.lower().endswith(suffixes)]

    def read(self, path: str) -> bytes:
        """Reads an annotation file.

        Raises:
          read_back.BrokenError: it cannot be read, is too large, or links out of the data folder.
        """
        content = user_files.read(str(self.root), path, MAX_ANNOTATION_BYTES)
        if isinstance(content, decode.Rejection):
            raise read_back.BrokenError(content.detail or content.reason)
        return content

    def text(self, path: str) -> str:
        """Reads an annotation file as UTF-8 with or without a byte order mark, or as UTF-16.

        Raises:
          read_back.BrokenError: it cannot be read, or is no such text.
        """
        content = self.read(path)
        is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        try:
            return content.decode("utf-16" if is_utf16 else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise read_back.BrokenError(f"it is no UTF-8 text (byte {error.start})") from error

    def json(self, path: str) -> Any:
        """Parses an annotation file as JSON.

        Raises:
          read_back.ReadError, read_back.BrokenError: it cannot be read, or is no JSON.
        """
        return read_back.from_json(self.text(path), f"annotation file {path}", lambda raw: raw)

    def yaml(self, path: str) -> Any:
        """Parses an annotation file as YAML.

        Raises:
          read_back.ReadError, read_back.BrokenError: it cannot be read, or is no YAML.
        """
        return read_back.from_yaml(self.text(path), f"annotation file {path}", lambda raw: raw)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for path in self.images:
            found[PurePosixPath(path).stem].append(path)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for path in self.images:
            found[PurePosixPath(path).name].append(path)
        return found

    def image_of(self, annotation: str) -> str | None:
        """Finds the image that an annotation file belongs to by its own name.

        It has the same stem and lies beside it, else in a neighbouring folder such as
        ``JPEGImages`` or ``images``, else anywhere if the stem is unique.
        """
        return _nearest(self._by_stem.get(PurePosixPath(annotation).stem, []), annotation)

    def image_named(self, name: str, annotation: str) -> str | None:
        """Finds the image of a name, which may be a path of another machine, of any system."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts or ".." in parts:
            return None
        found = self._by_name.get(parts[-1], [])
        # The longer the common end of both paths, the better.
        scores = {path: _common_end(path.split("/"), parts) for path in found}
        best = max(scores.values(), default=0)
        return _nearest([path for path in found if scores[path] == best], annotation)


@dataclass
class Found:
    """What a reader found.

    Attributes:
      format: the name of the format.
      given: image → its boxes.
      splits: image → "train", "eval" or "test", where the format gives it.
      used: the files that were read as annotations.
      problems: what is wrong with them.
    """

    format: str
    given: dict[str, Given] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, file: str, place: str, fault: Fault, detail: str = "") -> None:
        """Notes a problem."""
        self.problems.append(Problem(file, place, fault, detail))


def split_of_path(path: str) -> str | None:
    """Returns the split that a folder of a path names, the uppermost one; None if none does."""
    found = (names.split_of(part) for part in path.split("/")[:-1])
    return next((split for split in found if split), None)


def stem(path: str) -> str:
    """Returns a path without the suffix of its file."""
    return os.path.splitext(path)[0]


def _common_end(one: list[str], other: list[str]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count


def _nearest(found: Iterable[str], annotation: str) -> str | None:
    """Returns the path in the same folder, else in a neighbouring one, else the only one."""
    paths = list(found)
    folder = PurePosixPath(annotation).parent
    tests = (
        lambda path: path.parent == folder,
        lambda path: path.is_relative_to(folder),
        lambda path: path.is_relative_to(folder.parent),
        lambda path: True,
    )
    for test in tests:
        near = [path for path in paths if test(PurePosixPath(path))]
        if len(near) == 1:
            return near[0]
        if near and test is not tests[1]:
            return None
    return None
